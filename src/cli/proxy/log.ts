import type { Log, LogFields } from '../../watch/types.js';

export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Level = 'info' | 'warn' | 'error';

/** `key=value`, in quotes where that is needed to see where it ends. */
function field([key, value]: [string, unknown]): string {
  const text = String(value);
  return ` ${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
}

function textLine(time: string, level: Level, message: string, fields: LogFields): string {
  return `${time} ${level.toUpperCase().padEnd(5)} ${message}${Object.entries(fields).map(field).join('')}`;
}

/** A log of one line per event. @param write Gets each line, with its end. */
export function createLog(format: LogFormat, write: (line: string) => void): Log {
  const line = (level: Level, message: string, given: LogFields = {}): void => {
    const time = new Date().toISOString();
    const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const text =
      format === 'json'
        ? JSON.stringify({ time, level, message, ...fields })
        : textLine(time, level, message.replaceAll('\n', ' '), fields);
    write(`${text}\n`);
  };
  return {
    info: (message, fields) => line('info', message, fields),
    warn: (message, fields) => line('warn', message, fields),
    error: (message, fields) => line('error', message, fields),
  };
}
