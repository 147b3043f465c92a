// What few rules touch, made when one does. The program's value is called with what rules.js shares, and gives the rest of
// a rule's world by name.
import {makeBytes} from './bytes.js';
import {makeClock} from './clock.js';
import {makeCrypto} from './crypto.js';
import {makeHttp} from './http.js';
import {makeModules} from './modules.js';
import {makeProcess} from './process.js';
import {makeText} from './text.js';

export default function (shared) {
    const loaded = {};
    const world = {
        ...shared,
        // A package from npm: a program of its own, loaded when it is first asked for. While it loads it may look for the
        // very global that it is loaded for, and finds none.
        load(name) {
            if (!loaded[name]) {
                loaded[name] = {};
                loaded[name] = shared.host.load(name);
            }
            return loaded[name];
        },
    };
    const library = {};
    // Each part may use what the parts before it gave.
    for (const make of [makeText, makeBytes, makeClock, makeCrypto, makeProcess, makeHttp, makeModules]) {
        const part = make(world);
        Object.defineProperties(world, Object.getOwnPropertyDescriptors(part));
        Object.defineProperties(library, Object.getOwnPropertyDescriptors(part));
    }
    return library;
}
