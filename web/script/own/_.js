// The global `_`: lodash 2.4 in the sandbox's first generation, 4 in rules written since. It is lodash 4 here, with the names
// that it dropped.

const RENAMED = {all: 'every', any: 'some', backflow: 'flowRight', collect: 'map', compose: 'flowRight', contains: 'includes', detect: 'find',
    findWhere: 'find', foldl: 'reduce', foldr: 'reduceRight', include: 'includes', inject: 'reduce', methods: 'functions',
    object: 'zipObject', pairs: 'toPairs', pluck: 'map', select: 'filter', unique: 'uniq', where: 'filter'};

export default function (world) {
    const _ = world.require('lodash').runInContext();
    for (const [name, now] of Object.entries(RENAMED))
        _[name] = _[name] || _[now];
    const {first, rest, max, min, uniq, take} = _;
    _.first = _.head = (list, count, whole) => (count === undefined || whole ? first(list) : take(list, count));
    _.rest = (list, ...others) => (Array.isArray(list) ? _.drop(list, others[0] === undefined ? 1 : others[0]) : rest(list, ...others));
    _.max = (list, by) => (by === undefined ? max(list) : _.maxBy(Object.values(list), by));
    _.min = (list, by) => (by === undefined ? min(list) : _.minBy(Object.values(list), by));
    _.uniq = (list, by) => (by === undefined || typeof by === 'number' ? uniq(list) : _.uniqBy(list, by));
    return _;
}
