/** Asking a runtime's file service: this one's directly, another's over a direct connection or by a control message. */
import type { Peer } from '../../bus/peer.js';
import { WireError } from '../../wire/errors.js';
import type { FileReply } from '../../wire/files.js';
import type { RuntimeName } from '../../wire/ids.js';
import { topics } from '../../wire/topics.js';
import type { AskFile } from '../syscalls/files.js';
import type { DirectFiles } from './direct.js';
import { type FileService, packRequest, unpackReply } from './service.js';

export interface Asking {
  readonly ask: AskFile;
  /** A machine is lost: what waits for it fails now. */
  lose(runtime: RuntimeName): void;
}

/** The longest that an answer may take of a machine that is there, in milliseconds: a large tree may be being removed. */
const answerMs = 60_000;

export function makeAsking(options: {
  readonly name: RuntimeName;
  readonly peer: Peer;
  readonly service: FileService;
  readonly direct: DirectFiles;
  readonly isLost: (runtime: RuntimeName) => boolean;
}): Asking {
  const { name, peer, service, direct, isLost } = options;
  const waiting = new Map<RuntimeName, Set<(error: Error) => void>>();
  const gone = (runtime: RuntimeName) => new WireError('EHOSTDOWN', `${runtime} is lost`);

  const askOther: AskFile = async (runtime, request, bytes) => {
    if (isLost(runtime)) throw gone(runtime);
    const answer = direct.ask(runtime, request, bytes);
    if (answer !== undefined) return answer;
    const inbox = topics.runtimeInbox(peer.cluster, runtime);
    const those = waiting.get(runtime) ?? new Set();
    waiting.set(runtime, those);
    let fail: (error: Error) => void = () => {};
    const lost = new Promise<never>((_, reject) => {
      fail = reject;
    });
    those.add(fail);
    try {
      const reply = peer.request(inbox, packRequest(request, bytes), { timeoutMs: answerMs });
      reply.catch(() => {});
      return unpackReply((await Promise.race([reply, lost])) as FileReply);
    } finally {
      those.delete(fail);
    }
  };

  return {
    ask: (runtime, request, bytes) =>
      runtime === name ? service.answer(request, bytes, { runtime: name }) : askOther(runtime, request, bytes),
    lose: (runtime) => {
      for (const fail of waiting.get(runtime) ?? []) fail(gone(runtime));
    },
  };
}
