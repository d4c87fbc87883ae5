// Parses every Mermaid diagram of the Markdown files named as arguments. Exits with 1 and names each faulty one.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

// mermaid sanitises labels, which needs a document.
const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import("mermaid");

let parsed = 0;
let faulty = 0;
for (const file of process.argv.slice(2)) {
  for (const [, diagram] of readFileSync(file, "utf8").matchAll(/```mermaid\n(.*?)```/gs)) {
    try {
      await mermaid.parse(diagram);
      parsed += 1;
    } catch (error) {
      faulty += 1;
      console.error(`${file}: ${error}`);
    }
  }
}
console.log(`${parsed} diagrams parsed`);
process.exitCode = faulty ? 1 : 0;
