/**
 * The screen of an interactive session, in Ink: a prompt, a line editor and a panel of jobs. It is up only while a command is
 * being typed; while one runs the terminal is the command's, as any shell's is. A bundle of its own: it shares no state with
 * the shell but what it is given.
 */
import { openSync } from 'node:fs';
import { hostname } from 'node:os';
import { Box, render, Text, useApp, useInput } from 'ink';
import { useEffect, useReducer, useRef, useState } from 'react';
import { describeState, type Job, type Jobs, jobState } from '../jobs.js';
import type { Completion } from './complete.js';
import {
  applyKey,
  type EditorEvent,
  type EditorState,
  emptyLine,
  insert,
  type Key,
  setLine,
  suggest,
  textOf,
} from './editor.js';
import { Keyboard } from './keyboard.js';
import { applyViKey, beginVi, type Surroundings, type ViState } from './vi.js';

/** What one prompt came to. */
export type Answer =
  | { readonly kind: 'line'; readonly text: string }
  /** The line is to be edited with vi, or the command of the history with that number. */
  | { readonly kind: 'edit'; readonly text: string; readonly entry: number | undefined }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'end' };

/** What the vi keys of one prompt leave to the next: the text killed, and what to find, search and do again. */
let remembered: { readonly killed: string; readonly vi: ViState } | undefined;

/** Typed behind an Enter before the command was read: the next prompt begins with it. */
let typedAhead = '';

/** The terminal puts marks around what is pasted, while a prompt is up. */
const pasteMode = { on: '\x1b[?2004h', off: '\x1b[?2004l' } as const;

const mark = { running: '●', stopped: '◌', done: '✓' } as const;
const colour = { running: 'green', stopped: 'yellow', done: 'gray' } as const;

/** Each job with its stages, where each runs and its state. */
export function JobPanel({ jobs, home }: { readonly jobs: readonly Job[]; readonly home: string }) {
  if (jobs.length === 0) return null;
  return (
    <Box flexDirection="column" borderStyle="round" borderColor="gray" paddingX={1}>
      {jobs.map((job) => (
        <Box key={job.id} flexDirection="column">
          <Text color={colour[jobState(job)]}>
            [{job.id}] {describeState(job)} <Text color="white">{job.text}</Text>
          </Text>
          {job.stages.map((stage, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: stages never change places
            <Text key={`${job.id}.${i}`} dimColor>
              {'    '}
              <Text color={colour[stage.state]}>{mark[stage.state]}</Text> {stage.text || '(shell)'} ·{' '}
              {stage.where || home}
              {stage.state === 'done' ? ` · ${stage.status}` : ''}
            </Text>
          ))}
        </Box>
      ))}
    </Box>
  );
}

type Line = EditorState & { readonly vi?: ViState };

interface PromptProps {
  readonly prompt: string;
  readonly view: SessionView;
  readonly keyboard: Pick<Keyboard, 'onPaste' | 'sent'>;
  readonly answer: (answer: Answer) => void;
}

/** What the screen shows of the session. */
export interface SessionView {
  readonly jobs: Jobs;
  readonly around: Surroundings;
  /** `set -o vi` is in force. */
  readonly vi: boolean;
  readonly complete: (before: string) => Completion;
  /** A trapped signal has arrived: the prompt gives way so that its action can run. */
  readonly signalled: () => boolean;
}

export function Prompt({ prompt, view, keyboard, answer }: PromptProps) {
  const { exit } = useApp();
  const begin = useRef<Line>(
    view.vi ? { ...emptyLine, killed: remembered?.killed ?? '', vi: beginVi(remembered?.vi) } : emptyLine,
  );
  const [state, setState] = useState(begin.current);
  const [choices, setChoices] = useState<readonly string[]>([]);
  const [finished, setFinished] = useState(false);
  const [, refresh] = useReducer((n: number) => n + 1, 0);
  // Keys can arrive faster than React renders: each applies to the state the last one left.
  const current = useRef(begin.current);
  const { jobs } = view;

  useEffect(() => {
    jobs.onChange = refresh;
    const timer = setInterval(() => {
      jobs.refresh();
      if (view.signalled()) leave({ kind: 'line', text: '' });
    }, 250);
    return () => {
      jobs.onChange = undefined;
      clearInterval(timer);
    };
  });

  // The last frame has no cursor and no panel; it must be drawn before the screen is given up.
  useEffect(() => {
    if (finished) exit();
  }, [finished, exit]);

  const left = useRef(false);
  const leave = (result: Answer) => {
    left.current = true;
    const { killed, vi } = current.current;
    if (vi !== undefined) remembered = { killed, vi };
    answer(result);
    setFinished(true);
  };

  const insertText = (text: string) => {
    current.current = insert(current.current, text);
    setState(current.current);
    setChoices([]);
  };
  /** Text as if typed: a newline in it is an Enter, and what is behind that is for the next prompt. */
  const typeText = (text: string) => {
    const newline = text.search(/[\r\n]/);
    insertText(newline < 0 ? text : text.slice(0, newline));
    if (newline < 0) return;
    typedAhead = text.slice(newline + 1);
    act('submit', textOf(current.current));
  };

  keyboard.onPaste = (text) => {
    if (left.current) typedAhead += text;
    else insertText(text.replace(/\n$/, ''));
  };
  useEffect(() => {
    if (left.current || typedAhead === '') return;
    const text = typedAhead;
    typedAhead = '';
    typeText(text);
  });

  const act = (event: EditorEvent, text: string) => {
    if (typeof event === 'object') {
      leave({ kind: 'edit', text, entry: event.edit });
      return;
    }
    switch (event) {
      case 'submit':
        leave({ kind: 'line', text: `${text}\n` });
        return;
      case 'end-of-input':
        leave({ kind: 'end' });
        return;
      case 'interrupt':
        leave({ kind: 'interrupt' });
        return;
      case 'clear':
        process.stdout.write('\x1b[H\x1b[2J');
        return;
      case 'list':
      case 'complete': {
        const { characters, cursor } = current.current;
        const found = view.complete(characters.slice(0, cursor).join(''));
        if (event === 'complete') current.current = insert(current.current, found.insert);
        setChoices(found.choices.slice(0, 60));
        setState(current.current);
        return;
      }
      default:
        setChoices([]);
    }
  };

  useInput((input, k) => {
    if (left.current) {
      typedAhead += k.return ? '\n' : k.ctrl || k.meta ? '' : input;
      return;
    }
    const name: Key['name'] = k.return
      ? 'return'
      : k.leftArrow
        ? 'left'
        : k.rightArrow
          ? 'right'
          : k.upArrow
            ? 'up'
            : k.downArrow
              ? 'down'
              : k.home
                ? 'home'
                : k.end
                  ? 'end'
                  : k.backspace
                    ? 'backspace'
                    : // Ink reports the DEL byte of most terminals' backspace key as delete.
                      k.delete
                      ? keyboard.sent === '\x1b[3~'
                        ? 'delete'
                        : 'backspace'
                      : k.tab
                        ? 'tab'
                        : k.escape && input === ''
                          ? 'escape'
                          : undefined;
    const suggestion = suggest(current.current, view.around.history);
    if (suggestion !== '' && (name === 'right' || name === 'end' || (k.ctrl && (input === 'e' || input === 'f')))) {
      insertText(suggestion);
      return;
    }
    const pressed: Key = {
      input: name === undefined ? input : '',
      ctrl: k.ctrl,
      meta: k.meta || /^\x1b[^[O]$/s.test(keyboard.sent),
      ...(name === undefined ? {} : { name }),
    };
    const line = current.current;
    const [next, event] =
      line.vi === undefined
        ? applyKey(line, pressed, view.around.history)
        : applyViKey({ ...line, vi: line.vi }, pressed, view.around);
    // What is given up stays to be read.
    current.current = event === 'interrupt' ? setLine(next, `${textOf(line)}^C`) : next;
    const text = textOf(next);
    setState(current.current);
    act(event, text);
  });

  const { cursor, search } = state;
  const question = state.vi?.asking;
  const characters = question === undefined ? state.characters : [];
  const suggestion = suggest(state, view.around.history);
  const lead =
    question !== undefined
      ? `${prompt}${question.direction}${question.pattern}`
      : search === undefined
        ? prompt
        : `(reverse-i-search)\`${search.query}': `;
  return (
    <Box flexDirection="column">
      <Text>
        {lead}
        {characters.slice(0, cursor).join('')}
        {finished ? (
          characters.slice(cursor).join('')
        ) : (
          <Text inverse>{characters[cursor] === '\n' ? ' \n' : (characters[cursor] ?? (suggestion[0] || ' '))}</Text>
        )}
        {finished ? '' : characters.slice(cursor + 1).join('')}
        {finished ? '' : <Text dimColor>{suggestion.slice(1)}</Text>}
      </Text>
      {!finished && choices.length > 1 ? <Text dimColor>{choices.join('  ')}</Text> : null}
      {finished ? null : <JobPanel jobs={jobs.all} home={hostname()} />}
    </Box>
  );
}

/** Shows the prompt until a line, Ctrl-C or Ctrl-D. */
export async function ask(prompt: string, view: SessionView): Promise<Answer> {
  let result: Answer = { kind: 'end' };
  // A stream of its own for each prompt: one that was paused keeps a read under way, and would take the next program's input.
  const keyboard = new Keyboard(openSync('/dev/tty', 'r'));
  // Before the prompt is there to be answered: what is typed to it must not go through the line discipline.
  keyboard.setRawMode(true);
  process.stdout.write(pasteMode.on);
  const screen = render(
    <Prompt
      prompt={prompt}
      view={view}
      keyboard={keyboard}
      answer={(a) => {
        result = a;
      }}
    />,
    { stdin: keyboard, exitOnCtrlC: false, patchConsole: false },
  );
  await screen.waitUntilExit();
  process.stdout.write(pasteMode.off);
  keyboard.destroy();
  return result;
}
