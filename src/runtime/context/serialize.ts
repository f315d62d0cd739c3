/**
 * How Node.js programs write messages to each other: lines of JSON, or, with `serialization: 'advanced'`, what V8 makes of a value,
 * with its length (4 bytes, big endian) before it. As Node's own (`lib/internal/child_process/serialization.js`).
 */
import type * as nodeV8 from 'node:v8';
import { builtin } from './host.js';

export type Serialization = 'json' | 'advanced';

export interface MessageCodec {
  /** @throws as Node for what cannot be cloned, or has circles in JSON */
  encode(message: unknown): Buffer;
  /** The messages that are whole now, in order. */
  decode(bytes: Uint8Array): unknown[];
}

export const makeCodec = (serialization: Serialization): MessageCodec =>
  serialization === 'advanced' ? advanced() : json();

function json(): MessageCodec {
  let rest = Buffer.alloc(0);
  return {
    encode: (message) => Buffer.from(`${JSON.stringify(message)}\n`),
    decode: (bytes) => {
      const lines = Buffer.concat([rest, bytes]);
      const end = lines.lastIndexOf(10);
      rest = lines.subarray(end + 1);
      const whole = lines.toString('utf8', 0, Math.max(0, end)).split('\n');
      return whole.filter((line) => line !== '').map((line): unknown => JSON.parse(line));
    },
  };
}

/** What stands before an object that V8 leaves to its host. */
const tags = { view: 0, other: 1 } as const;

interface HostObjects {
  _writeHostObject(object: unknown): void;
  _readHostObject(): unknown;
}

function advanced(): MessageCodec {
  const v8 = builtin<typeof nodeV8>('node:v8');
  const { _writeHostObject } = v8.DefaultSerializer.prototype as unknown as HostObjects;
  const { _readHostObject } = v8.DefaultDeserializer.prototype as unknown as HostObjects;
  class Serializer extends v8.DefaultSerializer {
    _writeHostObject(object: object): void {
      const isView = ArrayBuffer.isView(object);
      this.writeUint32(isView ? tags.view : tags.other);
      if (isView) _writeHostObject.call(this, object);
      else this.writeValue({ ...object });
    }
  }
  class Deserializer extends v8.DefaultDeserializer {
    _readHostObject(): unknown {
      return this.readUint32() === tags.view ? _readHostObject.call(this) : this.readValue();
    }
  }
  let parts: Uint8Array[] = [];
  let size = 0;
  let wanted = 4;
  return {
    encode: (message) => {
      const serializer = new Serializer();
      serializer.writeHeader();
      serializer.writeValue(message);
      const content = serializer.releaseBuffer();
      const length = Buffer.alloc(4);
      length.writeUInt32BE(content.length);
      return Buffer.concat([length, content]);
    },
    decode: (bytes) => {
      parts.push(Uint8Array.from(bytes));
      size += bytes.length;
      const messages: unknown[] = [];
      if (size < wanted) return messages;
      let rest = Buffer.concat(parts);
      for (wanted = 4; rest.length >= 4; wanted = 4) {
        wanted = 4 + rest.readUInt32BE(0);
        if (rest.length < wanted) break;
        const deserializer = new Deserializer(rest.subarray(4, wanted));
        deserializer.readHeader();
        messages.push(deserializer.readValue());
        rest = rest.subarray(wanted);
      }
      parts = [rest];
      size = rest.length;
      return messages;
    },
  };
}
