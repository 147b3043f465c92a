import {coded} from './bytes.js';
import {curveOf, makeDer} from './der.js';

// Node's names for the forms of a key, and OpenSSL's.
const STRUCTURES = {spki: 'SubjectPublicKeyInfo', pkcs8: 'PrivateKeyInfo', pkcs1: 'type-specific', sec1: 'type-specific'};
const CURVE_NAMES = {'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1'};
const OKP_NAMES = {ed25519: 'Ed25519', ed448: 'Ed448', x25519: 'X25519', x448: 'X448'};

export function makeKeys({natives, take, Buffer}) {
    const der = makeDer(Buffer);
    const opaqueOf = new WeakMap();

    class KeyObject {
        constructor(type, held) {
            if (type !== 'secret' && type !== 'public' && type !== 'private')
                throw coded('ERR_INVALID_ARG_VALUE', new TypeError(`The argument 'type' is invalid. Received ${type}`));
            opaqueOf.set(this, held);
            this.type = type;
        }

        equals(other) {
            const form = this.type === 'secret' ? undefined : {type: this.type === 'public' ? 'spki' : 'pkcs8', format: 'der'};
            return other instanceof KeyObject && other.type === this.type && this.export(form).equals(other.export(form));
        }

        get [Symbol.toStringTag]() {
            return 'KeyObject';
        }
    }

    class SecretKeyObject extends KeyObject {
        get symmetricKeySize() {
            return opaqueOf.get(this).length;
        }

        export({format} = {}) {
            const bytes = Buffer.from(opaqueOf.get(this));
            return format === 'jwk' ? {kty: 'oct', k: bytes.toString('base64url')} : bytes;
        }
    }

    class AsymmetricKeyObject extends KeyObject {
        get asymmetricKeyType() {
            return natives.keyInfo(opaqueOf.get(this)).kind;
        }

        get asymmetricKeyDetails() {
            const {kind, bits, curve} = natives.keyInfo(opaqueOf.get(this));
            return kind.startsWith('rsa') ? {modulusLength: bits, publicExponent: 65537n} : curve ? {namedCurve: CURVE_NAMES[curve] || curve} : {};
        }

        write(isPrivate, format, type, cipher, passphrase) {
            const structure = cipher ? 'EncryptedPrivateKeyInfo' : STRUCTURES[type];
            return Buffer.from(natives.keyWrite(opaqueOf.get(this), isPrivate, format, structure, cipher, passphrase));
        }

        toJwk() {
            const isPrivate = this.type === 'private';
            const {kind, curve} = natives.keyInfo(opaqueOf.get(this));
            if (kind === 'rsa')
                return der.toJwk.rsa(this.write(isPrivate, 'DER', 'pkcs1'), isPrivate);
            if (kind === 'ec' && curveOf(curve))
                return der.toJwk.ec(this.write(false, 'DER', 'spki'), curveOf(curve), isPrivate && this.write(true, 'DER', 'sec1'));
            if (Object.hasOwn(OKP_NAMES, kind))
                return der.toJwk.okp(this.write(false, 'DER', 'spki'), OKP_NAMES[kind], isPrivate && this.write(true, 'DER', 'pkcs8'));
            throw coded('ERR_CRYPTO_JWK_UNSUPPORTED_KEY_TYPE', new Error('Unsupported JWK Key Type.'));
        }

        export({format = 'pem', type, cipher, passphrase} = {}) {
            if (format === 'jwk')
                return this.toJwk();
            const isPrivate = this.type === 'private';
            const chosen = type || (isPrivate ? 'pkcs8' : 'spki');
            const secret = passphrase === undefined ? undefined : take(passphrase);
            const bytes = this.write(isPrivate, format.toUpperCase(), chosen, cipher, secret);
            return format === 'pem' ? bytes.toString('latin1') : bytes;
        }
    }

    function readKey(key, isPrivate) {
        const given = typeof key === 'string' || ArrayBuffer.isView(key) || key instanceof ArrayBuffer ? {key} : key;
        if (typeof given !== 'object' || given === null || given.key === undefined)
            throw coded('ERR_INVALID_ARG_TYPE', new TypeError('The "key" argument must be of type string or an instance of Buffer, TypedArray,'
                + ' DataView, or KeyObject'));
        const passphrase = given.passphrase === undefined ? undefined : take(given.passphrase);
        if (given.format === 'jwk')
            return natives.key(der.fromJwk(given.key, isPrivate).der, isPrivate, 'DER', undefined, passphrase);
        const format = (given.format || 'pem').toUpperCase();
        const structure = format === 'DER' && !given.passphrase ? STRUCTURES[given.type] : undefined;
        return natives.key(take(given.key, given.encoding, 'key'), isPrivate, format, structure, passphrase);
    }

    // The opaque key of whatever a function of signing or encryption takes.
    function privateOf(key) {
        const inner = key instanceof KeyObject ? key : key && key.key instanceof KeyObject ? key.key : undefined;
        if (inner && inner.type !== 'private')
            throw coded('ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', new TypeError(`Invalid key object type ${inner.type}, expected private.`));
        return inner ? opaqueOf.get(inner) : readKey(key, true);
    }

    function publicOf(key) {
        const inner = key instanceof KeyObject ? key : key && key.key instanceof KeyObject ? key.key : undefined;
        if (inner && inner.type === 'secret')
            throw coded('ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', new TypeError('Invalid key object type secret, expected private or public.'));
        return inner ? opaqueOf.get(inner) : readKey(key, false);
    }

    function keyBytes(key) {
        if (key instanceof KeyObject) {
            if (key.type !== 'secret')
                throw coded('ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', new TypeError(`Invalid key object type ${key.type}, expected secret.`));
            return opaqueOf.get(key);
        }
        return take(key, 'utf8', 'key');
    }

    function createPublicKey(key) {
        if (key instanceof KeyObject && key.type !== 'private')
            throw coded('ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', new TypeError(`Invalid key object type ${key.type}, expected private.`));
        return new AsymmetricKeyObject('public', publicOf(key));
    }

    function makePair(type, options = {}) {
        const kind = type === 'rsa-pss' ? 'rsa' : type;
        const opaque = natives.keyMake(kind, kind === 'rsa' ? options.modulusLength : options.namedCurve);
        const pair = {publicKey: new AsymmetricKeyObject('public', opaque), privateKey: new AsymmetricKeyObject('private', opaque)};
        return {
            publicKey: options.publicKeyEncoding ? pair.publicKey.export(options.publicKeyEncoding) : pair.publicKey,
            privateKey: options.privateKeyEncoding ? pair.privateKey.export(options.privateKeyEncoding) : pair.privateKey,
        };
    }

    return {
        keyBytes,
        privateOf,
        publicOf,
        opaqueOf,
        exported: {
            KeyObject,
            createSecretKey: (key, encoding) => new SecretKeyObject('secret', Buffer.from(take(key, encoding, 'key'))),
            createPrivateKey: (key) => new AsymmetricKeyObject('private', readKey(key, true)),
            createPublicKey,
            generateKeyPairSync: makePair,
            generateKeySync: (type, {length}) => new SecretKeyObject('secret', Buffer.from(natives.random(length >> 3))),
            getCurves: () => ['prime256v1', 'secp256k1', 'secp384r1', 'secp521r1'],
        },
    };
}
