/** What a terminal sends, taken apart into keys and pasted texts. */
import { ReadStream } from 'node:tty';

const pasteBegins = '\x1b[200~';
const pasteEnds = '\x1b[201~';

/** A key as terminals send it: an escape sequence, one with Alt, a control character; or a run of text. */
const oneKey = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b[^[O]|[\x00-\x1f\x7f]|[^\x00-\x1f\x7f]+/gs;

/** The beginning of an escape sequence whose rest is still to come, or the Escape key alone. */
const unfinished = /\x1b(?:\[[0-9;?]*[ -/]*|O)?$/;

/** Takes apart what is read, in whatever pieces it comes. */
export class KeyDecoder {
  private held = '';
  private pasting: string | undefined;

  constructor(private readonly onPaste: (text: string) => void) {}

  /** Something is held that may be the beginning of more: a moment later it is what it is, see {@link flush}. */
  get isWaiting(): boolean {
    return this.held !== '';
  }

  /** The keys in the next piece, in order. */
  push(chunk: string): string[] {
    const text = this.held + chunk;
    const tail = unfinished.exec(text);
    this.held = tail?.[0] ?? '';
    return this.split(tail === null ? text : text.slice(0, tail.index));
  }

  /** The keys in what is held: nothing more has come. */
  flush(): string[] {
    const text = this.held;
    this.held = '';
    return this.split(text);
  }

  private split(text: string): string[] {
    // What was typed while a program ran has been through the terminal's line discipline: Enter is a newline in it.
    return (this.withoutPastes(text).match(oneKey) ?? []).map((key) => (key === '\n' ? '\r' : key));
  }

  private withoutPastes(chunk: string): string {
    let keys = '';
    for (let text = chunk; text !== ''; ) {
      const marker = this.pasting === undefined ? pasteBegins : pasteEnds;
      const at = text.indexOf(marker);
      const part = at < 0 ? text : text.slice(0, at);
      text = at < 0 ? '' : text.slice(at + marker.length);
      if (this.pasting === undefined) {
        keys += part;
        if (at >= 0) this.pasting = '';
      } else {
        this.pasting += part;
        if (at < 0) continue;
        this.onPaste(this.pasting.replaceAll('\r\n', '\n').replaceAll('\r', '\n'));
        this.pasting = undefined;
      }
    }
    return keys;
  }
}

/** Milliseconds after which an Escape is the key and no beginning of a sequence; a slow line may split one. */
const escapePatience = 50;

/** The keyboard, key by key, however many arrive at once; what is pasted is text, whatever keys it looks like. */
export class Keyboard extends ReadStream {
  /** Called with each text pasted. */
  onPaste: (text: string) => void = () => {};
  /** The last key as the terminal sent it: Ink reports Delete as it does Backspace, and knows Alt with letters only. */
  sent = '';
  private keys: string[] = [];
  private readonly decoder = new KeyDecoder((text) => this.onPaste(text));
  private timer: NodeJS.Timeout | undefined;

  override read(size?: number): unknown {
    // To the end of what has come: the stream tells of more only when it has said that there is nothing left.
    while (this.keys.length === 0) {
      const chunk: unknown = super.read(size);
      clearTimeout(this.timer);
      if (chunk === null) {
        if (this.decoder.isWaiting) this.timer = setTimeout(() => this.giveUpWaiting(), escapePatience);
        return null;
      }
      this.keys.push(...this.decoder.push(String(chunk)));
    }
    this.sent = this.keys.shift()!;
    return this.sent;
  }

  private giveUpWaiting(): void {
    this.keys.push(...this.decoder.flush());
    this.emit('readable');
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.timer);
    super._destroy(error, callback);
  }
}
