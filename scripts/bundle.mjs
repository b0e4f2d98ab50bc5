/** `node scripts/bundle.mjs ROOT FILE`: bundles the workflows into the one file that a worker loads. */
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [root, outFile] = process.argv.slice(2);
const { bundleWorkflowCode } = createRequire(join(root, 'package.json'))('@temporalio/worker');

/**
 * A plugin that turns warnings into errors of the build. Examples are a missing import, and code that a workflow can't
 * run. Without this plugin, the build would succeed, and only a running flow would show the fault.
 */
const failOnWarnings = {
  apply: (compiler) =>
    compiler.hooks.afterCompile.tap('failOnWarnings', (compilation) => {
      compilation.errors.push(...compilation.getWarnings());
      compilation.warnings = [];
    }),
};

/**
 * Returns the rules of Webpack with ES2022 as the target. With the SDK's target, ES2017, each private field of an
 * object is an entry of a WeakMap. These entries need CPU time, and memory for each waiting flow.
 */
const forNode = (rules) =>
  rules.map((rule) => {
    const { options } = rule.use;
    if (!options?.jsc) return rule;
    return { ...rule, use: { ...rule.use, options: { ...options, jsc: { ...options.jsc, target: 'es2022' } } } };
  });

/**
 * Makes the paths in source maps relative, for two reasons: stack traces go into the history, and equal sources must
 * give equal code on every machine.
 */
const webpackConfigHook = (config) => ({
  ...config,
  context: root,
  module: { ...config.module, rules: forNode(config.module.rules) },
  output: { ...config.output, devtoolModuleFilenameTemplate: '[resource-path]' },
  plugins: [...config.plugins, failOnWarnings],
});

const quiet = () => undefined;
const logger = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: console.error, error: showErrors };

/** Prints only the errors of Webpack's report, because the report lists every module before the errors. */
function showErrors(report) {
  console.error(report.slice(Math.max(0, report.search(/^(ERROR|WARNING) in/m))));
}

try {
  const workflowsPath = join(root, 'workflows', 'index.ts');
  const workflowInterceptorModules = [join(root, 'workflows', 'interceptors.ts')];
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules,
    // A worker evaluates these modules once for all flows, and not once for each flow, which halves the memory of a
    // waiting flow. The modules must have no mutable state, because all flows share them.
    preloadModules: [workflowsPath, ...workflowInterceptorModules],
    logger,
    webpackConfigHook,
  });
  writeFileSync(outFile, code);
} catch (error) {
  console.error(`the workflows can't be bundled: ${error.message}`);
  process.exitCode = 1;
}
