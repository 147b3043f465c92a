// Bodies of forms, as `qs` and `form-data` write them.

const escape = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

function pairs(value, key, isPlain, result) {
    if (value === undefined || typeof value === 'function')
        return;
    if (value instanceof Date) {
        result.push([key, value.toISOString()]);
    } else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
        if (isPlain && !Array.isArray(value)) {
            result.push([key, '']);
            return;
        }
        for (const [name, item] of Object.entries(value))
            pairs(item, isPlain ? key : `${key}[${name}]`, isPlain, result);
    } else {
        result.push([key, value === null ? '' : String(value)]);
    }
}

// The text of a form or query; `isPlain` repeats a name where qs writes name[0].
export function formOf(values, isPlain, {arrayFormat} = {}) {
    const result = [];
    for (const [name, value] of Object.entries(values)) {
        if (Array.isArray(value) && (arrayFormat === 'brackets' || arrayFormat === 'repeat'))
            value.forEach((item) => pairs(item, arrayFormat === 'brackets' ? `${name}[]` : name, false, result));
        else
            pairs(value, name, isPlain, result);
    }
    return result.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&');
}

// {type, body} of a multipart form: values are texts, bytes, lists of these, or {value, options: {filename, contentType}}.
export function multipartOf(values, Buffer, seed) {
    const boundary = '--------------------------' + seed;
    const parts = [];
    const add = (name, given) => {
        const {value, options = {}} = given && typeof given === 'object' && 'value' in given ? given : {value: given};
        const quoted = (text) => String(text).replace(/"/g, '%22').replace(/[\r\n]/g, ' ');
        let head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`;
        if (options.filename)
            head += `; filename="${quoted(options.filename)}"`;
        if (options.contentType || ArrayBuffer.isView(value))
            head += `\r\nContent-Type: ${options.contentType || 'application/octet-stream'}`;
        parts.push(Buffer.from(head + '\r\n\r\n'), ArrayBuffer.isView(value) ? Buffer.from(value) : Buffer.from(String(value)), Buffer.from('\r\n'));
    };
    for (const [name, value] of Object.entries(values))
        (Array.isArray(value) ? value : [value]).forEach((item) => add(name, item));
    parts.push(Buffer.from(`--${boundary}--\r\n`));
    return {type: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat(parts)};
}
