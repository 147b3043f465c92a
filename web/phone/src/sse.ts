// Server-sent events over fetch: EventSource cannot send the Authorization header.

export interface ServerEvent {
  event: string;
  data: string;
}

/** Takes text as it comes, in any pieces, and gives the events that are whole (WHATWG HTML, section 9.2.6). */
export class EventParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  feed(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    // A carriage return at the end may be half of a line's end.
    const whole = this.#rest + text;
    const lines = whole.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop()!;
    if (this.#rest.length > 1_000_000) throw new Error('a line without an end');
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === '') {
      const event = this.#data.length > 0 ? { event: this.#event || 'message', data: this.#data.join('\n') } : null;
      this.#event = '';
      this.#data = [];
      return event;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    if (field === 'data') this.#data.push(value);
    return null;
  }
}

/** Reads the events of an answer until it ends; `alive` is told of every piece, heartbeats too. */
export async function readEvents(response: Response, took: (event: ServerEvent) => void, alive: () => void): Promise<void> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    for (const event of parser.feed(decoder.decode(value, { stream: true }))) took(event);
  }
}
