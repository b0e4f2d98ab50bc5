/** The text of a stream of server-sent events, as its standard has it. */

export interface StreamedEvent {
  /** `message` where the stream does not name it. */
  event: string;
  data: string;
}

/** Takes text as it comes, cut anywhere, and gives whole events. */
export class EventParser {
  /** Where to go on: the last id that was given, with the last whole event. */
  lastEventId?: string;
  /** After how many milliseconds to come again, where the stream has said so. */
  retryMs?: number;
  #rest = '';
  #fields: { event?: string; data: string[]; id?: string } = { data: [] };

  /** The events that this text completes. */
  push(text: string): StreamedEvent[] {
    this.#rest += text;
    // A \r at the end may be half of a line's end.
    const end = this.#rest.endsWith('\r') ? this.#rest.length - 1 : this.#rest.length;
    const lines = this.#rest.slice(0, end).split(/\r\n|\r|\n/);
    this.#rest = lines.pop()! + this.#rest.slice(end);
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): StreamedEvent[] {
    if (line === '') return this.#finish();
    const [, name = '', value = ''] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line) ?? [];
    if (name === 'data') this.#fields.data.push(value);
    else if (name === 'event') this.#fields.event = value;
    else if (name === 'id' && !value.includes('\0')) this.#fields.id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
    return [];
  }

  #finish(): StreamedEvent[] {
    const { event = 'message', data, id } = this.#fields;
    this.#fields = { data: [] };
    if (id !== undefined) this.lastEventId = id;
    return data.length === 0 ? [] : [{ event, data: data.join('\n') }];
  }
}
