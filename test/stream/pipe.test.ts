/** The contract over a program: stream -> kernel pipe -> `cat` -> kernel pipe -> stream, as a runtime bridges its agents. */
import { spawn } from 'node:child_process';
import { MemoryHub } from '../../src/bus/memory.js';
import { keepDescriptors } from '../../src/host/libc.js';
import { bridgeInput, bridgeOutput, closeQuietly } from '../../src/runtime/pipes.js';
import { openStreams } from '../../src/stream/streams.js';
import { newClusterId } from '../../src/wire/ids.js';
import { makeEdge } from '../support/edges.js';
import { type StreamLab, streamContract } from './contract.js';

async function pipes(): Promise<StreamLab> {
  keepDescriptors();
  const cluster = newClusterId();
  const hub = new MemoryHub();
  const streams = openStreams({ bus: hub.connect(), cluster });
  const programs = new Set<ReturnType<typeof spawn>>();
  return {
    piped: true,
    stream: () => {
      const [to, from] = [makeEdge(), makeEdge()];
      return {
        writer: () => {
          const writer = streams.openWriter(to);
          void streams.openReader(to).then((reader) => {
            const input = bridgeInput(reader);
            const output = bridgeOutput(streams.openWriter(from));
            const program = spawn('cat', [], { stdio: [input.theirs, output.theirs, 'inherit'] });
            programs.add(program);
            program.on('exit', () => programs.delete(program));
            closeQuietly(input.theirs);
            closeQuietly(output.theirs);
          });
          return writer;
        },
        reader: () => streams.openReader(from),
      };
    },
    close: async () => {
      for (const program of programs) program.kill('SIGKILL');
    },
  };
}

streamContract('kernel pipes of a program', pipes);
