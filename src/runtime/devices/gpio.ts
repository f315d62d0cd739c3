/** Which way to a GPIO line this machine has. */
import { existsSync } from 'node:fs';
import { WireError } from '../../wire/errors.js';
import type { GpioConfig } from './config.js';
import { openEmulatedLine } from './gpio-emulated.js';
import { findOnoff, libgpiodVersion, openLibgpiodLine, openOnoffLine } from './gpio-hardware.js';
import type { GpioLine } from './gpio-line.js';

/** Opens a configured line. @throws WireError ENODEV when this machine has no way to it */
export function openGpioLine(config: GpioConfig): GpioLine {
  switch (config.chip) {
    case 'emulated':
      return openEmulatedLine(config.dir!, config.line);
    case 'onoff':
      return openOnoffLine(config);
    case 'libgpiod':
      return openLibgpiodLine(config);
    case 'auto':
      if (existsSync('/sys/class/gpio/export') && findOnoff() !== undefined) return openOnoffLine(config);
      if (libgpiodVersion() > 0) return openLibgpiodLine(config);
      throw new WireError(
        'ENODEV',
        `GPIO line ${config.line}: no way to it here: neither sysfs with the onoff package nor libgpiod's tools (chip "emulated" works anywhere)`,
      );
    default:
      return config.chip satisfies never;
  }
}
