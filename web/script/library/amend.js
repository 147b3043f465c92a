// What a package needs to be what rules knew under its name without a version.

// jsonwebtoken 9 refuses the lifetimes in minutes that it knew until version 6, which is what old rules pass.
function amendTokens(tokens) {
    const {sign} = tokens;
    const lasting = (options) => {
        if (typeof options !== 'object' || options === null || !('expiresInMinutes' in options || 'expiresInSeconds' in options))
            return options;
        const {expiresInMinutes, expiresInSeconds, ...rest} = options;
        const seconds = expiresInMinutes === undefined ? +expiresInSeconds : expiresInMinutes * 60;
        return {...rest, expiresIn: rest.expiresIn === undefined ? Math.floor(seconds) : rest.expiresIn};
    };
    return {...tokens, sign: (payload, secret, options, done) => sign(payload, secret, lasting(options), done)};
}

// The browser's build of readable-stream can not be made from a list.
function amendStreams(streams) {
    const {Readable} = streams;
    Readable.from = (source, options) => {
        const items = typeof source === 'string' || ArrayBuffer.isView(source) ? [source] : source;
        const iterator = (items[Symbol.asyncIterator] || items[Symbol.iterator]).call(items);
        return new Readable({
            objectMode: true,
            ...options,
            read() {
                Promise.resolve(iterator.next()).then(({done, value}) => this.push(done ? null : value), (fault) => this.destroy(fault));
            },
        });
    };
    return streams;
}

const AMENDMENTS = {jsonwebtoken: amendTokens, stream: amendStreams};

export function makeAmend() {
    return {amend: (name, exported) => (Object.hasOwn(AMENDMENTS, name) ? AMENDMENTS[name](exported) : exported)};
}
