// Tests move the server's clock; the worker's Date follows.

export function makeClock() {
    return {
        moveClock(ms) {
            const Real = Date;
            const now = () => Real.now() + ms;
            globalThis.Date = new Proxy(Real, {
                construct: (target, values, newTarget) =>
                    Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget),
                apply: () => new Real(now()).toString(),
                get: (target, name) => (name === 'now' ? now : target[name]),
            });
        },
    };
}
