// The outbox for people: asks for the JSON every second and shows what is new. What a message says is shown as text, a mail's
// HTML in a frame without rights.
const EVERY_MS = 1000;
const CHANNELS = {sms: 'Text message', email: 'E-mail', push: 'Push'};

const filters = document.getElementById('filters');
const list = document.getElementById('messages');
let shown = '';

function node(tag, className, text) {
    const made = document.createElement(tag);
    if (className)
        made.className = className;
    if (text !== undefined)
        made.textContent = text;
    return made;
}

/** The text with its addresses as links. */
function linked(className, text) {
    const made = node('p', className);
    for (const part of text.split(/(https?:\/\/[^\s<>"]+)/)) {
        if (!/^https?:\/\//.test(part)) {
            made.append(part);
            continue;
        }
        const link = node('a', '', part);
        link.href = part;
        made.append(link);
    }
    return made;
}

function entry(message) {
    const item = node('li', 'message');
    const head = node('header');
    const who = node('span');
    who.append(node('span', 'tag', CHANNELS[message.channel] ?? message.channel), ` to ${message.to}`);
    const time = node('time', '', new Date(message.at).toLocaleString());
    time.dateTime = message.at;
    head.append(who, time);
    item.append(head);
    if (message.subject)
        item.append(node('h2', '', message.subject));
    if (message.html) {
        const frame = node('iframe');
        frame.title = message.subject ?? 'The mail';
        frame.setAttribute('sandbox', 'allow-popups allow-popups-to-escape-sandbox');
        frame.srcdoc = `<base target="_blank">${message.html}`;
        item.append(frame);
    }
    if (message.text) {
        const text = linked('text', message.text);
        if (message.html) {
            const details = node('details');
            details.append(node('summary', '', 'As plain text'), text);
            item.append(details);
        } else {
            item.append(text);
        }
    }
    if (message.payload)
        item.append(node('pre', '', JSON.stringify(message.payload, null, 2)));
    return item;
}

async function refresh() {
    const query = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value !== ''));
    try {
        const response = await fetch(`/dev/outbox?${query}`, {headers: {accept: 'application/json'}});
        const text = await response.text();
        if (response.ok && text !== shown) {
            shown = text;
            const messages = JSON.parse(text);
            list.replaceChildren(...messages.map(entry));
            document.getElementById('empty').hidden = messages.length > 0;
        }
    } catch {
        // The server is away for a moment; the next round shows.
    }
}

async function watch() {
    await refresh();
    setTimeout(watch, EVERY_MS);
}

filters.addEventListener('input', refresh);
filters.addEventListener('submit', (event) => event.preventDefault());
watch();
