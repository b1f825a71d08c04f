// Opens the page of the documentation in Chromium, and lets Alice and Bob talk by it.
//
// `node chat_page.mjs <path of Chromium> <folder of the page> <endpoint> <token> <token>` prints
// what each of the two sees, as JSON, once both have seen both messages.
import { join } from "node:path";

import { context } from "esbuild";
import { chromium } from "playwright-core";

const [executablePath, folder, endpoint, ...tokens] = process.argv.slice(2);
// As the documented command does: bundle what is there, and serve the folder.
const bundling = await context({
  absWorkingDir: folder,
  entryPoints: [join(folder, "chat_page.js")],
  bundle: true,
  outfile: "bundle.js",
  logLevel: "error",
});
const { port } = await bundling.serve({ host: "127.0.0.1", port: 0, servedir: folder });
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"],
});
try {
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  page.on("pageerror", (error) => console.error(String(error)));
  page.setDefaultTimeout(20_000);
  await page.goto(`http://127.0.0.1:${port}/chat_page.html`);
  await page.fill("#endpoint", endpoint);
  const users = page.locator("section");
  for (const [number, token] of tokens.entries()) {
    const user = users.nth(number);
    await user.locator("input[name=token]").fill(token);
    await user.getByText("Sign in").click();
    await user.getByText("connected", { exact: true }).waitFor();
  }
  for (const [number, text] of ["Soup?", "Salad!"].entries()) {
    await users.nth(number).locator("input[name=text]").fill(text);
    await users.nth(number).getByText("Send").click();
    await users.nth(0).getByText(text).waitFor();
    await users.nth(1).getByText(text).waitFor();
  }
  const seen = [0, 1].map((number) => users.nth(number).locator("li").allTextContents());
  console.log(JSON.stringify(await Promise.all(seen)));
} finally {
  await browser.close();
  await bundling.dispose();
}
