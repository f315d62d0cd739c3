/**
 * Placement: which runtime each agent of a plan runs on. Pure: a plan and an inventory in, placements with reasons out.
 *
 * Hard constraints come first. Then the bytes that cross machines are minimised for the whole graph at once, not agent by
 * agent: what a stream will carry is not known, so every stream counts the same. A pipeline is a tree of agents, for which the
 * minimum is exact (dynamic programming from the leaves); a graph with further edges starts there and is improved locally.
 */
import { WireError } from '../../wire/errors.js';
import type { Constraint, Inventory, Placement, Plan, PlanAgent, RuntimeInfo } from '../../wire/graph.js';
import type { AgentId } from '../../wire/ids.js';

/** Weights: a crossing stream; then, among equals, staying with the upstream neighbour, home, the less loaded, the first name. */
const weight = { crossing: 1, upstream: 1e-3, away: 1e-4, load: 1e-6 } as const;

function satisfies(runtime: RuntimeInfo, constraint: Constraint): boolean {
  switch (constraint.kind) {
    case 'runtime':
      return runtime.name === constraint.name;
    case 'label':
      return runtime.labels.includes(constraint.label);
    case 'language':
      return runtime.languages.includes(constraint.language);
    case 'gpio':
      return runtime.devices.some(
        (d) =>
          d.line === constraint.line &&
          (constraint.direction === undefined || d.direction === 'inout' || d.direction === constraint.direction),
      );
    default:
      return constraint satisfies never;
  }
}

const names = (runtimes: readonly RuntimeInfo[]): string =>
  runtimes.length === 0 ? 'no runtime is up' : `runtimes: ${runtimes.map((r) => r.name).join(', ')}`;

/** Why nothing fits, in the user's words. */
function noPlace(agent: PlanAgent, inventory: Inventory): WireError {
  const all = inventory.runtimes;
  for (const constraint of agent.constraints) {
    if (all.some((r) => satisfies(r, constraint))) continue;
    switch (constraint.kind) {
      case 'runtime':
        return new WireError('ENOPLACE', `${agent.text}: no runtime ${constraint.name} (${names(all)})`);
      case 'label':
        return new WireError('ENOPLACE', `${agent.text}: no runtime is labelled #${constraint.label} (${names(all)})`);
      case 'language':
        return new WireError(
          'ENOPLACE',
          `${agent.text}: no runtime runs ${constraint.language} programs (${names(all)})`,
        );
      case 'gpio':
        return new WireError(
          'ENOPLACE',
          `${agent.text}: no runtime has GPIO line ${constraint.line}${constraint.direction === undefined ? '' : ` as ${constraint.direction}put`} (${names(all)})`,
        );
      default:
        constraint satisfies never;
    }
  }
  return new WireError(
    'ENOPLACE',
    `${agent.text}: no one runtime has all it needs: ${agent.constraints.map((c) => c.why).join('; ')} (${names(all)})`,
  );
}

/** Runtimes that have a GPIO line which the agent is to reach from elsewhere: no machine has all that it needs. */
function farLines(agent: PlanAgent, inventory: Inventory): RuntimeInfo[] {
  const { runtimes } = inventory;
  const lines = agent.constraints.filter((c) => c.kind === 'gpio');
  if (lines.length === 0 || runtimes.some((r) => agent.constraints.every((c) => satisfies(r, c)))) return [];
  const found = lines.map((line) => runtimes.find((r) => satisfies(r, line)));
  return found.every((r) => r !== undefined) ? found : [];
}

/** Indices of the runtimes that satisfy an agent's constraints. Lines of several machines are reached over the network. */
function fitting(agent: PlanAgent, inventory: Inventory): number[] {
  const far = farLines(agent, inventory).length > 0;
  const needed = far ? agent.constraints.filter((c) => c.kind !== 'gpio') : agent.constraints;
  return [...inventory.runtimes.keys()].filter((i) => needed.every((c) => satisfies(inventory.runtimes[i]!, c)));
}

/** Indices into the inventory where each agent may run. @throws WireError ENOPLACE */
function candidatesOf(plan: Plan, inventory: Inventory, isOpen: IsOpen): number[][] {
  const everywhere = inventory.runtimes.map((_, i) => i);
  const open = new Set(
    everywhere.filter((i) => inventory.runtimes[i]!.name === plan.home || isOpen(inventory.runtimes[i]!)),
  );
  return plan.agents.map((agent) => {
    const fit = fitting(agent, inventory);
    if (fit.length === 0) throw noPlace(agent, inventory);
    // Where it must run, its user may be granted just that program: the machine itself says.
    const welcome = fit.filter((i) => open.has(i));
    return welcome.length > 0 ? welcome : fit;
  });
}

/** Whether a runtime lets the plan's user run whatever it is. */
export type IsOpen = (runtime: RuntimeInfo) => boolean;

interface Link {
  readonly to: number;
  /** The neighbour is upstream: bytes come from it. */
  readonly upstream: boolean;
}

/** The plan as numbers. */
interface Graph {
  readonly candidates: readonly number[][];
  readonly links: readonly Link[][];
  /** By agent: runtimes whose files, devices or session it is joined to, one entry a stream. */
  readonly fixed: readonly number[][];
  /** Small preferences by runtime. */
  readonly preference: Float64Array;
}

function makeGraph(plan: Plan, inventory: Inventory, isOpen: IsOpen): Graph {
  const index = new Map<AgentId, number>(plan.agents.map((a, i) => [a.id, i]));
  const byName = new Map<string, number>(inventory.runtimes.map((r, i) => [r.name, i]));
  const home = byName.get(plan.home) ?? -1;
  const links: Link[][] = plan.agents.map(() => []);
  const fixed: number[][] = plan.agents.map((agent) =>
    [...agent.locality.map((l) => l.runtime), ...farLines(agent, inventory).map((r) => r.name)].flatMap((name) => {
      const at = byName.get(name);
      return at === undefined ? [] : [at];
    }),
  );
  for (const { from, to } of plan.edges) {
    const a = from.kind === 'agent' ? index.get(from.agent) : undefined;
    const b = to.kind === 'agent' ? index.get(to.agent) : undefined;
    if (a !== undefined && b !== undefined) {
      links[a]!.push({ to: b, upstream: false });
      links[b]!.push({ to: a, upstream: true });
      continue;
    }
    const agent = a ?? b;
    const other = a === undefined ? from : to;
    if (agent === undefined || other.kind === 'agent') continue;
    // Standard error is a few lines if any: it pulls nobody home.
    if (other.kind === 'session' && from.kind === 'agent' && from.fd === 2) continue;
    const at = other.kind === 'path' ? byName.get(other.provider) : home;
    if (at !== undefined && at >= 0) fixed[agent]!.push(at);
  }
  const preference = new Float64Array(inventory.runtimes.length);
  const order = [...inventory.runtimes.keys()].sort((x, y) =>
    inventory.runtimes[x]!.name < inventory.runtimes[y]!.name ? -1 : 1,
  );
  const rank = new Map(order.map((i, position) => [i, position]));
  inventory.runtimes.forEach((r, i) => {
    preference[i] =
      (i === home ? 0 : weight.away) +
      weight.load * Math.min(10, r.load + r.agents / 100) +
      (1e-9 * rank.get(i)!) / order.length;
  });
  return { candidates: candidatesOf(plan, inventory, isOpen), links, fixed, preference };
}

/** What agent `a` on runtime `r` costs by itself: its streams to fixed places elsewhere. */
function ownCost(graph: Graph, a: number, r: number): number {
  let cost = graph.preference[r]!;
  for (const at of graph.fixed[a]!) if (at !== r) cost += weight.crossing;
  return cost;
}

const crossing = (upstream: boolean): number => weight.crossing + (upstream ? weight.upstream : 0);

/** The assignment of least cost on a spanning forest of the graph. */
function solveForest(graph: Graph): Int32Array {
  const count = graph.candidates.length;
  const parent = new Int32Array(count).fill(-1);
  const fromParent: boolean[] = new Array(count).fill(false);
  const order: number[] = [];
  const seen = new Uint8Array(count);
  for (let root = 0; root < count; root++) {
    if (seen[root]) continue;
    seen[root] = 1;
    const queue = [root];
    for (let head = 0; head < queue.length; head++) {
      const a = queue[head]!;
      order.push(a);
      for (const { to, upstream } of graph.links[a]!) {
        if (seen[to]) continue;
        seen[to] = 1;
        parent[to] = a;
        // Seen from the child: its parent is upstream when the bytes come from there.
        fromParent[to] = !upstream;
        queue.push(to);
      }
    }
  }
  /** Cost of the subtree below each agent, by candidate; and its best candidate. */
  const cost: Float64Array[] = graph.candidates.map((list, a) => Float64Array.from(list, (r) => ownCost(graph, a, r)));
  const best = new Int32Array(count);
  for (let i = order.length - 1; i >= 0; i--) {
    const a = order[i]!;
    const mine = cost[a]!;
    let least = 0;
    for (let k = 1; k < mine.length; k++) if (mine[k]! < mine[least]!) least = k;
    best[a] = least;
    const up = parent[a]!;
    if (up < 0) continue;
    const cross = crossing(fromParent[a]!);
    const floor = mine[least]! + cross;
    const same = new Map(graph.candidates[a]!.map((r, k) => [r, mine[k]!]));
    const theirs = cost[up]!;
    graph.candidates[up]!.forEach((r, k) => {
      theirs[k]! += Math.min(floor, same.get(r) ?? Number.POSITIVE_INFINITY);
    });
  }
  const chosen = new Int32Array(count);
  for (const a of order) {
    const list = graph.candidates[a]!;
    const up = parent[a]!;
    let k = best[a]!;
    if (up >= 0) {
      const withParent = list.indexOf(chosen[up]!);
      if (withParent >= 0 && cost[a]![withParent]! <= cost[a]![k]! + crossing(fromParent[a]!)) k = withParent;
    }
    chosen[a] = list[k]!;
  }
  return chosen;
}

/** Moves single agents while that helps: only graphs that are no forest gain from it. */
function improve(graph: Graph, chosen: Int32Array): void {
  const edges = graph.links.reduce((sum, l) => sum + l.length, 0) / 2;
  if (edges < chosen.length) return;
  for (let round = 0, moved = true; moved && round < 8; round++) {
    moved = false;
    for (let a = 0; a < chosen.length; a++) {
      const total = (r: number): number => {
        let sum = ownCost(graph, a, r);
        for (const { to, upstream } of graph.links[a]!) if (chosen[to] !== r) sum += crossing(upstream);
        return sum;
      };
      // Only its neighbours' places, fixed ends and the preferred runtime can be better.
      const tries = new Set([...graph.fixed[a]!, ...graph.links[a]!.map((l) => chosen[l.to]!)]);
      let current = total(chosen[a]!);
      for (const r of tries) {
        if (!graph.candidates[a]!.includes(r)) continue;
        const next = total(r);
        if (next < current) {
          chosen[a] = r;
          current = next;
          moved = true;
        }
      }
    }
  }
}

function explain(agent: PlanAgent, a: number, graph: Graph, chosen: Int32Array, inventory: Inventory): string {
  const r = chosen[a]!;
  const { name } = inventory.runtimes[r]!;
  const candidates = graph.candidates[a]!.length;
  const whys = [...new Set(agent.constraints.filter((c) => c.kind !== 'language').map((c) => c.why))];
  if (candidates === 1)
    return `only ${name} fits: ${(whys.length > 0 ? whys : agent.constraints.map((c) => c.why)).join('; ') || 'it is the only runtime'}`;
  const streams = graph.links[a]!.length + graph.fixed[a]!.length;
  const near =
    graph.links[a]!.filter((l) => chosen[l.to] === r).length + graph.fixed[a]!.filter((at) => at === r).length;
  const lead = whys.length > 0 ? `${whys.join('; ')}; ` : '';
  return `${lead}${candidates} runtimes fit; on ${name} ${near} of its ${streams} streams stay on one machine`;
}

/** Places every agent. @throws WireError ENOPLACE naming the agent, what it needs and what there is */
export function place(plan: Plan, inventory: Inventory, isOpen: IsOpen = () => true): Placement[] {
  const graph = makeGraph(plan, inventory, isOpen);
  const chosen = solveForest(graph);
  improve(graph, chosen);
  return plan.agents.map((agent, a) => ({
    agent: agent.id,
    runtime: inventory.runtimes[chosen[a]!]!.name,
    reason: explain(agent, a, graph, chosen, inventory),
  }));
}

/** The paper's greedy baseline: the first runtime that fits. Kept to be measured against. @throws WireError ENOPLACE */
export function firstFit(plan: Plan, inventory: Inventory): Placement[] {
  return plan.agents.map((agent) => {
    const runtime = inventory.runtimes.find((r) => agent.constraints.every((c) => satisfies(r, c)));
    if (runtime === undefined) throw noPlace(agent, inventory);
    return { agent: agent.id, runtime: runtime.name, reason: 'first that fits' };
  });
}

/** Streams that cross machines under a placement: what `place` minimises. Standard error does not count. */
export function crossings(plan: Plan, placements: readonly Placement[]): number {
  const where = new Map<string, string>(placements.map((p) => [p.agent, p.runtime]));
  const at = (end: Plan['edges'][number]['from']): string =>
    end.kind === 'agent' ? where.get(end.agent)! : end.kind === 'path' ? end.provider : plan.home;
  return plan.edges.filter(
    ({ from, to }) => !(to.kind === 'session' && from.kind === 'agent' && from.fd === 2) && at(from) !== at(to),
  ).length;
}
