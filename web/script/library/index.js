// What few rules touch, made when one does. The program's value is called with what rules.js shares, and gives the rest of
// a rule's world by name.
import {makeAmend} from './amend.js';
import {quicken} from './buffer.js';
import {makeBytes} from './bytes.js';
import {makeClock} from './clock.js';
import {makeModules} from './modules.js';
import {makeProcess} from './process.js';
import {makeText} from './text.js';

export default function (shared) {
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
        load: kept((name) => (name === 'buffer' ? quicken(shared.host.load(name), shared.host) : shared.host.load(name))),
        own: kept((name) => shared.host.load('own/' + name)(world)),
    };
    const library = {
        get crypto() {
            return world.own('crypto');
        },
    };
    for (const name of ['fetch', 'Headers', 'Request', 'Response', 'AbortController', 'AbortSignal'])
        Object.defineProperty(library, name, {get: () => world.own('http')[name]});
    Object.defineProperties(world, Object.getOwnPropertyDescriptors(library));
    // Each part may use what the parts before it gave.
    for (const make of [makeText, makeBytes, makeClock, makeProcess, makeAmend, makeModules]) {
        const part = make(world);
        Object.defineProperties(world, Object.getOwnPropertyDescriptors(part));
        Object.defineProperties(library, Object.getOwnPropertyDescriptors(part));
    }
    return library;
}
