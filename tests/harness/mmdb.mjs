// A database of MaxMind's form (https://maxmind.github.io/MaxMind-DB/), written from a few networks: enough for tests.

/** The bits of an address as the tree has them: IPv4 stands at ::/96. */
function bitsOf(network) {
  const [address, length] = network.split('/');
  const v4 = address.includes('.');
  const groups = v4 ? address.split('.').map(Number) : groupsOf(address);
  const bits = groups.map((group) => group.toString(2).padStart(v4 ? 8 : 16, '0')).join('');
  return (v4 ? '0'.repeat(96) : '') + bits.slice(0, Number(length));
}

function groupsOf(address) {
  const [head, tail] = address.split('::').map((part) => (part ? part.split(':') : []));
  const middle = tail === undefined ? [] : Array(8 - head.length - tail.length).fill('0');
  return [...head, ...middle, ...(tail ?? [])].map((group) => parseInt(group, 16));
}

const TYPES = { string: 2, double: 3, uint16: 5, uint32: 6, map: 7, uint64: 9, array: 11 };

function control(type, size) {
  const extended = TYPES[type] > 7;
  const first = (extended ? 0 : TYPES[type] << 5) | (size < 29 ? size : 29);
  const bytes = extended ? [first, TYPES[type] - 7] : [first];
  if (size >= 29) bytes.push(size - 29);
  return Buffer.from(bytes);
}

/** A whole number of a type that the format names. */
class Whole {
  constructor(bits, number) {
    this.type = `uint${bits}`;
    this.bytes = Buffer.from(number.toString(16).padStart(bits / 4, '0'), 'hex');
  }
}

function encode(value) {
  if (typeof value === 'string') return Buffer.concat([control('string', Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([control('double', 8), bytes]);
  }
  if (value instanceof Whole) return Buffer.concat([control(value.type, value.bytes.length), value.bytes]);
  if (Array.isArray(value)) return Buffer.concat([control('array', value.length), ...value.map(encode)]);
  const members = Object.entries(value);
  return Buffer.concat([control('map', members.length), ...members.flatMap(([name, member]) => [encode(name), encode(member)])]);
}

/** The bytes of a database; `networks` maps a network (192.0.2.0/24, 2001:db8::/32) to what is known of it. */
export function mmdb(networks) {
  const nodes = [[null, null]];
  const parts = [];
  let size = 0;
  for (const [network, value] of Object.entries(networks)) {
    const bits = bitsOf(network);
    let at = 0;
    for (const bit of bits.slice(0, -1)) {
      if (typeof nodes[at][bit] !== 'number') nodes[at][bit] = nodes.push([null, null]) - 1;
      at = nodes[at][bit];
    }
    nodes[at][bits.at(-1)] = { offset: size };
    parts.push(encode(value));
    size += parts.at(-1).length;
  }
  const record = (child) => (child === null ? nodes.length : typeof child === 'number' ? child : nodes.length + 16 + child.offset);
  const tree = Buffer.alloc(nodes.length * 6);
  nodes.forEach(([left, right], index) => {
    tree.writeUIntBE(record(left), index * 6, 3);
    tree.writeUIntBE(record(right), index * 6 + 3, 3);
  });
  const metadata = encode({
    node_count: new Whole(32, nodes.length),
    record_size: new Whole(16, 24),
    ip_version: new Whole(16, 6),
    database_type: 'GeoLite2-City',
    languages: ['en'],
    binary_format_major_version: new Whole(16, 2),
    binary_format_minor_version: new Whole(16, 0),
    build_epoch: new Whole(64, 1700000000),
    description: { en: 'for tests' },
  });
  return Buffer.concat([tree, Buffer.alloc(16), ...parts, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}
