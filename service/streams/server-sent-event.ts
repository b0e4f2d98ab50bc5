/** One server-sent event, as its standard has it. */
export interface ServerSentEvent {
  event?: 'view' | 'final';
  id?: string;
  data?: string;
  /** Read by nobody: it keeps the connection from being taken for dead. */
  comment?: string;
  /** After how many milliseconds to come again. */
  retry?: number;
}

/** What goes over the wire. Each line of a text stands in a line of its own: none can be taken for another field. */
export function textOf({ comment, retry, event, id, data }: ServerSentEvent): string {
  const fields = { '': comment, retry: retry?.toString(), event, id: id?.replace(/\0/g, ''), data };
  const lines = Object.entries(fields).flatMap(([name, text]) =>
    text === undefined ? [] : text.split(/\r\n|\r|\n/).map((line) => `${name}: ${line}\n`),
  );
  return `${lines.join('')}\n`;
}
