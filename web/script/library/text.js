// Values as text: console, util.inspect, util.format.

const DEEPEST = 4;
const LONGEST = 100;

function inspectList(values, count, depth, seen) {
    const shown = values.slice(0, LONGEST).map((value) => inspect(value, depth + 1, seen));
    if (count > LONGEST)
        shown.push(`… ${count - LONGEST} more`);
    return shown.join(', ');
}

function inspectObject(value, depth, seen) {
    if (value instanceof Error)
        return `${value.name}: ${value.message}${value.stack ? '\n' + String(value.stack).trimEnd() : ''}`;
    if (value instanceof Date)
        return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp)
        return String(value);
    if (seen.includes(value))
        return '[Circular]';
    if (depth > DEEPEST)
        return Array.isArray(value) ? '[Array]' : '[Object]';
    const within = [...seen, value];
    if (Array.isArray(value))
        return value.length === 0 ? '[]' : `[ ${inspectList(value, value.length, depth, within)} ]`;
    if (ArrayBuffer.isView(value))
        return `${value.constructor.name}(${value.length}) [ ${inspectList(Array.from(value.slice(0, LONGEST)), value.length, depth, within)} ]`;
    if (value instanceof Map)
        return `Map(${value.size}) { ${[...value].map(([name, item]) =>
            `${inspect(name, depth + 1, within)} => ${inspect(item, depth + 1, within)}`).join(', ')} }`;
    if (value instanceof Set)
        return `Set(${value.size}) { ${inspectList([...value], value.size, depth, within)} }`;
    if (value instanceof Promise)
        return 'Promise {}';
    const names = Object.keys(value);
    const shown = names.slice(0, LONGEST).map((name) =>
        `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)}: ${inspect(value[name], depth + 1, within)}`);
    if (names.length > LONGEST)
        shown.push(`… ${names.length - LONGEST} more`);
    return shown.length === 0 ? '{}' : `{ ${shown.join(', ')} }`;
}

function inspect(value, depth = 0, seen = []) {
    switch (typeof value) {
    case 'string':
        return depth === 0 ? value : JSON.stringify(value);
    case 'function':
        return `[Function: ${value.name || 'anonymous'}]`;
    case 'bigint':
        return `${value}n`;
    case 'symbol':
        return value.toString();
    case 'object':
        return value === null ? 'null' : inspectObject(value, depth, seen);
    default:
        return String(value);
    }
}

function substitute(kind, value) {
    switch (kind) {
    case 's':
        return inspect(value);
    case 'd':
    case 'f':
        return String(Number(value));
    case 'i':
        return String(parseInt(value, 10));
    case 'j':
        return JSON.stringify(value);
    default:
        return inspect(value, 1);
    }
}

export function makeText({describe}) {
    function format(...values) {
        let text = '';
        if (typeof values[0] === 'string' && values.length > 1) {
            text = values.shift().replace(/%([sdifjoO%])/g, (all, kind) => {
                if (kind === '%')
                    return '%';
                return values.length === 0 ? all : substitute(kind, values.shift());
            });
            text += values.length > 0 ? ' ' : '';
        }
        return text + values.map((value) => inspect(value)).join(' ');
    }

    return {
        inspect: (value) => inspect(value, 1),
        format,
        // For console: never throws, whatever the values' getters do.
        line(values) {
            try {
                return format(...values);
            } catch (fault) {
                return `(a value that can not be shown: ${describe(fault).message})`;
            }
        },
    };
}
