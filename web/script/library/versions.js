// Which of the versions that are here comes nearest to a wished one.

const numbers = (version) => String(version).replace(/[-+].*/, '').split('.').map((part) => parseInt(part, 10) || 0);

function compare(a, b) {
    const [left, right] = [numbers(a), numbers(b)];
    for (let i = 0; i < 3; i++)
        if ((left[i] || 0) !== (right[i] || 0))
            return (left[i] || 0) - (right[i] || 0);
    return 0;
}

// What npm's caret would allow: the same first number that is not zero.
function isCompatible(have, wish) {
    const [left, right] = [numbers(have), numbers(wish)];
    if (left[0] !== right[0])
        return false;
    return left[0] !== 0 || (left[1] || 0) === (right[1] || 0);
}

// {version, isExact, isCompatible}. `wish` is a version, or the beginning of one ("4", "4.17", "4.x"), or what npm takes
// before one ("^4.17.0"), or a tag.
export function choose(versions, wish) {
    const sorted = [...versions].sort(compare);
    const newest = sorted[sorted.length - 1];
    if (sorted.includes(wish))
        return {version: wish, isExact: true, isCompatible: true};
    const plain = String(wish).replace(/^[\s^~>=v]+/, '').replace(/(\.[x*])+$/, '');
    if (!/^\d/.test(plain))
        return {version: newest, isExact: true, isCompatible: true};
    const isRange = plain !== String(wish) || plain.split('.').length < 3;
    if (isRange) {
        const prefix = plain.split('.').length < 3 ? plain + '.' : null;
        const fitting = sorted.filter((have) => (prefix ? have.startsWith(prefix) : isCompatible(have, plain) && compare(have, plain) >= 0));
        if (fitting.length > 0)
            return {version: fitting[fitting.length - 1], isExact: true, isCompatible: true};
    }
    const compatible = sorted.filter((have) => isCompatible(have, plain));
    const [candidates, fits] = compatible.length > 0 ? [compatible, true] : [sorted, false];
    const newer = candidates.find((have) => compare(have, plain) >= 0);
    return {version: newer || candidates[candidates.length - 1], isExact: false, isCompatible: fits};
}
