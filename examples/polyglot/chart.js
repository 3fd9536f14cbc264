import { count } from "composer:polyglot/counting@0.1.0";

export const charting = {
  chart(text) {
    const counts = count(text).sort((a, b) => b.times - a.times);
    const width = Math.max(0, ...counts.map(({ word }) => word.length));
    return counts.map(({ word, times }) => `${word.padEnd(width)} ${"#".repeat(times)}`);
  },
};
