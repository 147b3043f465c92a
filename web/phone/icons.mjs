// The mark as PNG pictures: two check marks drawn as thick lines with round ends, anti-aliased by their distance to a pixel.
import {deflateSync} from 'node:zlib';

const FIRST = [[3, 17.5], [9, 23.5], [20.5, 10]];
const SECOND = [[13, 17.5], [19, 23.5], [30.5, 10]];
const SIDE = 34; // of the mark's own coordinates
const TEAL = [0x0b, 0x6e, 0x69];

function distance(x, y, [ax, ay], [bx, by]) {
    const [dx, dy] = [bx - ax, by - ay];
    const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
    return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

const toLine = (x, y, [a, b, c]) => Math.min(distance(x, y, a, b), distance(x, y, b, c));

/** How much of a pixel of `pixel` units a shape covers whose edge is `distance` away (negative: inside). */
const coverage = (edge, pixel) => Math.max(0, Math.min(1, 0.5 - edge / pixel));

/** [r, g, b, a] of a point; `stroke` is half a line's width. */
function shade(x, y, pixel, {ground, first, second, stroke}) {
    let colour = ground;
    const over = (top, alpha) => {
        const a = alpha + colour[3] * (1 - alpha);
        const mix = (i) => (a === 0 ? 0 : (top[i] * alpha + colour[i] * colour[3] * (1 - alpha)) / a);
        colour = [mix(0), mix(1), mix(2), a];
    };
    over(first, first[3] * coverage(toLine(x, y, FIRST) - stroke, pixel));
    if (ground[3] > 0)
        over(ground, coverage(toLine(x, y, SECOND) - stroke * 1.75, pixel));
    over(second, second[3] * coverage(toLine(x, y, SECOND) - stroke, pixel));
    return colour;
}

function chunk(type, data) {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
}

/** CRC-32 as PNG takes it (ISO 3309); the one of node:zlib is newer than Debian 12's Node. */
function crc32(bytes) {
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++)
            crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
}

/** A square PNG; `room` is the share of the side that the mark takes. */
function png(size, room, colours) {
    const pixel = SIDE / (size * room);
    const rows = Buffer.alloc(size * (size * 4 + 1));
    for (let row = 0; row < size; row++) {
        for (let column = 0; column < size; column++) {
            const x = (column + 0.5 - size / 2) * pixel + SIDE / 2;
            const y = (row + 0.5 - size / 2) * pixel + SIDE / 2;
            const [r, g, b, a] = shade(x, y, pixel, colours);
            rows.set([r, g, b, a * 255].map(Math.round), row * (size * 4 + 1) + 1 + column * 4);
        }
    }
    const header = Buffer.alloc(13);
    header.writeUInt32BE(size, 0);
    header.writeUInt32BE(size, 4);
    header.set([8, 6, 0, 0, 0], 8);
    return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
        chunk('IDAT', deflateSync(rows, {level: 9})), chunk('IEND', Buffer.alloc(0))]);
}

const app = {ground: [...TEAL, 1], first: [0xff, 0xff, 0xff, 0.55], second: [0xff, 0xff, 0xff, 1], stroke: 2.25};
/* What status bars colour by themselves: only its transparency counts. */
const badge = {ground: [0, 0, 0, 0], first: [0xff, 0xff, 0xff, 0.5], second: [0xff, 0xff, 0xff, 1], stroke: 2.6};

export const icons = () => ({
    'icon-192.png': png(192, 0.72, app),
    'icon-512.png': png(512, 0.72, app),
    'icon-maskable.png': png(512, 0.54, app),
    'apple-touch-icon.png': png(180, 0.68, app),
    'badge.png': png(96, 0.96, badge),
});
