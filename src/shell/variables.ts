/**
 * Shell variables (XCU 2.5.3). A name is a slot, found once when a command is compiled; each environment has an array of values by
 * slot, shared with its subshells until one side writes.
 */

/**
 * A value and its attributes. Whoever got it may keep it, for it never changes, except by the environment that made it for itself
 * and has given it to nobody.
 */
export class Variable {
  /**
   * @param text the value; undefined: `number` is the value, or there is none (`export x`)
   * @param number the value as a number, where it is the number's shortest decimal form; null: the text has not been looked at;
   *   undefined: it is something else
   * @param owner the mark of the environment that may change it; 0: nobody may
   */
  constructor(
    private text: string | undefined,
    private number: number | null | undefined,
    readonly exported: boolean,
    readonly readonly: boolean,
    private owner: number,
  ) {}

  /** undefined: has attributes but no value. */
  get value(): string | undefined {
    if (this.text === undefined && this.number != null) this.text = decimalText(this.number);
    return this.text;
  }

  /** The value where it is an integer in its shortest decimal form, as arithmetic leaves it; undefined: it is anything else. */
  get integer(): number | undefined {
    if (this.number === null) this.number = plainDecimal(this.text!);
    return this.number;
  }

  /** Takes another value if it is the owner's alone; false: it may not change. */
  reassign(text: string | undefined, number: number | null, owner: number): boolean {
    if (this.owner !== owner) return false;
    this.text = text;
    this.number = number;
    return true;
  }

  /** The variable itself, to be kept: it does not change any more. */
  kept(): this {
    this.owner = 0;
    return this;
  }

  /** The same value with other attributes. */
  with(exported: boolean, readonly: boolean): Variable {
    return new Variable(this.text, this.number, exported, readonly, 0);
  }
}

/** A variable without a number looked for yet. */
export const textVariable = (value: string | undefined, exported: boolean, readonly: boolean): Variable =>
  new Variable(value, value === undefined ? undefined : null, exported, readonly, 0);

/** `0` to `999`, and the same with three digits each; made when first needed. */
let thousand: readonly string[] | undefined;
let padded: readonly string[] = [];

/** An integer's decimal form. V8's own keeps every text it makes for a while, which costs each of its garbage collections. */
export function decimalText(value: number): string {
  if (!(value >= 0 && value < 1e9)) return String(value);
  if (thousand === undefined) {
    thousand = Array.from({ length: 1000 }, (_, i) => String(i));
    padded = thousand.map((text) => text.padStart(3, '0'));
  }
  if (value < 1000) return thousand[value]!;
  const thousands = (value / 1000) | 0;
  const low = padded[value - thousands * 1000]!;
  if (thousands < 1000) return thousand[thousands]! + low;
  const millions = (thousands / 1000) | 0;
  return thousand[millions]! + padded[thousands - millions * 1000]! + low;
}

/** The number a short decimal without sign tricks or leading zeros says: by far the most frequent text of a number. */
export function plainDecimal(text: string): number | undefined {
  const { length } = text;
  if (length === 0 || length > 15) return undefined;
  const negative = text.charCodeAt(0) === 45;
  let i = negative ? 1 : 0;
  const first = text.charCodeAt(i);
  if (first === 48 && length === 1) return 0;
  if (!(first >= 49 && first <= 57)) return undefined;
  let value = 0;
  for (; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

const slots = new Map<string, number>();
const namesBySlot: string[] = [];

/** The slot of a name, the same in every environment. */
export function slotOf(name: string): number {
  const known = slots.get(name);
  if (known !== undefined) return known;
  const slot = namesBySlot.length;
  namesBySlot.push(name);
  slots.set(name, slot);
  return slot;
}

/** The slot of a name that some command or environment has had; undefined: no variable can have it. */
export const knownSlot = (name: string): number | undefined => slots.get(name);

export const nameOf = (slot: number): string => namesBySlot[slot]!;
