// Arguments of Node's crypto: texts with an encoding, buffers, views.

export function makeTake(Buffer) {
    return function take(data, encoding, name = 'data') {
        if (typeof data === 'string')
            return Buffer.from(data, encoding === 'buffer' ? 'utf8' : encoding);
        if (data instanceof ArrayBuffer)
            return new Uint8Array(data);
        if (ArrayBuffer.isView(data))
            return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const fault = new TypeError(`The "${name}" argument must be of type string or an instance of Buffer, TypedArray, or DataView.`
            + ` Received ${data === null || data === undefined ? data : `type ${typeof data}`}`);
        fault.code = 'ERR_INVALID_ARG_TYPE';
        throw fault;
    };
}

export const coded = (code, fault) => Object.assign(fault, {code});
