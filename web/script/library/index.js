// What few rules touch, made when one does. The program's value is called with what rules.js shares, and gives the rest of
// a rule's world by name. Each login that touches a name loads the part that has it, so that parts are small.

/* What the parts give, each a program of its own (`part/NAME`). */
const PARTS = {
    text: ['inspect', 'format', 'line'],
    bytes: ['TextEncoder', 'TextDecoder', 'atob', 'btoa', 'structuredClone', 'Buffer', 'URL', 'URLSearchParams'],
    clock: ['moveClock'],
    process: ['queueMicrotask', 'performance', 'process'],
    amend: ['amend'],
    modules: ['require', 'ValidationError'],
};

export default function (shared) {
    const {host, complete} = shared;

    // A program of its own, run when it is first asked for. While it runs it may look for the very thing that it is loaded
    // for, and finds none.
    function kept(run) {
        const loaded = {};
        return (name) => {
            if (!loaded[name]) {
                loaded[name] = {};
                loaded[name] = run(name);
            }
            return loaded[name];
        };
    }

    const world = {
        ...shared,
        load: kept((name) => (name === 'buffer' ? host.load('part/buffer')(host.load(name), host) : host.load(name))),
        own: kept((name) => {
            if (name !== 'http')
                complete();
            return host.load('own/' + name)(world);
        }),
    };

    function give(names, find) {
        for (const name of names)
            Object.defineProperty(world, name, {configurable: true, get: () => find(name)});
    }

    give(['crypto'], (name) => world.own(name));
    give(['fetch', 'Headers', 'Request', 'Response', 'AbortController', 'AbortSignal'], (name) => world.own('http')[name]);
    for (const part of Object.keys(PARTS))
        give(PARTS[part], (name) => {
            Object.defineProperties(world, Object.getOwnPropertyDescriptors(host.load('part/' + part)(world)));
            return world[name];
        });
    return world;
}
