// Just enough DER to turn a JSON Web Key into what OpenSSL reads, and back.

const CURVES = {
    'P-256': {oid: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], size: 32, names: ['prime256v1', 'P-256', 'secp256r1']},
    'secp256k1': {oid: [0x2b, 0x81, 0x04, 0x00, 0x0a], size: 32, names: ['secp256k1']},
    'P-384': {oid: [0x2b, 0x81, 0x04, 0x00, 0x22], size: 48, names: ['secp384r1', 'P-384']},
    'P-521': {oid: [0x2b, 0x81, 0x04, 0x00, 0x23], size: 66, names: ['secp521r1', 'P-521']},
};
const EDWARDS = {Ed25519: [0x2b, 0x65, 0x70], Ed448: [0x2b, 0x65, 0x71], X25519: [0x2b, 0x65, 0x6e], X448: [0x2b, 0x65, 0x6f]};
const EC = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const RSA = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PARTS = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'];

export const curveOf = (name) => Object.keys(CURVES).find((curve) => CURVES[curve].names.includes(name));

function item(tag, content) {
    const size = content.length;
    const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
    return [tag, ...length, ...content];
}
const sequence = (...items) => item(0x30, items.flat());
const oid = (bytes) => item(0x06, bytes);
const bits = (bytes) => item(0x03, [0, ...bytes]);
const octets = (bytes) => item(0x04, bytes);

function integer(bytes) {
    let from = 0;
    while (from < bytes.length - 1 && bytes[from] === 0)
        from++;
    const plain = [...bytes.slice(from)];
    return item(0x02, plain[0] & 128 ? [0, ...plain] : plain);
}

export function makeDer(Buffer) {
    const decode = (jwk, name) => {
        if (typeof jwk[name] !== 'string')
            throw Object.assign(new TypeError(`The "key.${name}" property must be of type string.`), {code: 'ERR_INVALID_ARG_TYPE'});
        return [...Buffer.from(jwk[name], 'base64url')];
    };

    // {der, structure} of a key.
    function fromJwk(jwk, isPrivate) {
        if (jwk.kty === 'RSA') {
            if (!isPrivate)
                return {der: sequence(sequence(oid(RSA), [5, 0]), bits(sequence(integer(decode(jwk, 'n')), integer(decode(jwk, 'e')))))};
            return {der: sequence(integer([0]), ...RSA_PARTS.map((name) => integer(decode(jwk, name))))};
        }
        if (jwk.kty === 'EC' && Object.hasOwn(CURVES, jwk.crv)) {
            const curve = CURVES[jwk.crv];
            const point = [4, ...decode(jwk, 'x'), ...decode(jwk, 'y')];
            if (!isPrivate)
                return {der: sequence(sequence(oid(EC), oid(curve.oid)), bits(point))};
            return {der: sequence(integer([1]), octets(decode(jwk, 'd')), item(0xa0, oid(curve.oid)), item(0xa1, bits(point)))};
        }
        if (jwk.kty === 'OKP' && Object.hasOwn(EDWARDS, jwk.crv)) {
            const kind = sequence(oid(EDWARDS[jwk.crv]));
            return {der: isPrivate ? sequence(integer([0]), kind, octets(octets(decode(jwk, 'd')))) : sequence(kind, bits(decode(jwk, 'x')))};
        }
        throw Object.assign(new TypeError('Unsupported JWK asymmetric key'), {code: 'ERR_CRYPTO_INVALID_JWK'});
    }

    // The contents of the items of a SEQUENCE.
    function items(der) {
        const result = [];
        let at = 0;
        while (at < der.length) {
            const tag = der[at++];
            let size = der[at++];
            if (size > 128) {
                let count = size - 128;
                size = 0;
                while (count-- > 0)
                    size = size * 256 + der[at++];
            }
            result.push({tag, content: der.subarray(at, at + size)});
            at += size;
        }
        return result;
    }

    const text = (bytes, size) => {
        let from = 0;
        while (from < bytes.length - 1 && bytes[from] === 0)
            from++;
        const plain = Buffer.from(bytes.subarray(from));
        return (size ? Buffer.concat([Buffer.alloc(Math.max(0, size - plain.length)), plain]) : plain).toString('base64url');
    };

    // From PKCS #1 (RSA), SEC 1 with SPKI (EC), or PKCS #8 with SPKI (Edwards).
    const toJwk = {
        rsa(der, isPrivate) {
            const numbers = items(items(der)[0].content).map(({content}) => content);
            const names = isPrivate ? RSA_PARTS : ['n', 'e'];
            return {kty: 'RSA', ...Object.fromEntries(names.map((name, i) => [name, text(numbers[isPrivate ? i + 1 : i])]))};
        },
        ec(spki, curve, sec1) {
            const {size} = CURVES[curve];
            const point = items(items(spki)[0].content)[1].content.subarray(2);
            const jwk = {kty: 'EC', x: text(point.subarray(0, size), size), y: text(point.subarray(size), size), crv: curve};
            if (sec1)
                jwk.d = text(items(items(sec1)[0].content)[1].content, size);
            return jwk;
        },
        okp(spki, name, pkcs8) {
            const jwk = {crv: name, x: Buffer.from(items(items(spki)[0].content)[1].content.subarray(1)).toString('base64url'), kty: 'OKP'};
            if (pkcs8)
                jwk.d = Buffer.from(items(items(items(pkcs8)[0].content)[2].content)[0].content).toString('base64url');
            return jwk;
        },
    };
    return {fromJwk: (jwk, isPrivate) => ({...fromJwk(jwk, isPrivate), der: Buffer.from(fromJwk(jwk, isPrivate).der)}), toJwk};
}
