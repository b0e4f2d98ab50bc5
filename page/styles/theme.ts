import { css } from 'lit';

/**
 * The custom properties that a host page may set. Each `--cyclr-connect-…` has a default for the light and for the dark
 * theme. Without a `theme`, the element inherits the `color-scheme` of the host page.
 */
export const theme = css`
  :host {
    --accent: var(--cyclr-connect-accent, light-dark(#2f4fd0, #9db1ff));
    --on-accent: var(--cyclr-connect-on-accent, light-dark(#fff, #0f1733));
    --text: var(--cyclr-connect-text, light-dark(#1b1f2a, #eceef4));
    --muted: var(--cyclr-connect-muted, light-dark(#575e6e, #a7aebd));
    --surface: var(--cyclr-connect-surface, light-dark(#fff, #1a1d25));
    --sunken: var(--cyclr-connect-sunken, light-dark(#f3f4f7, #242833));
    --line: var(--cyclr-connect-line, light-dark(#dcdfe6, #363b48));
    --edge: var(--cyclr-connect-edge, light-dark(#7d8494, #7f8798));
    --trouble: var(--cyclr-connect-trouble, light-dark(#b3261e, #ffb1a8));
    --success: var(--cyclr-connect-success, light-dark(#0e6b41, #7fdcae));
    --radius: var(--cyclr-connect-radius, 12px);
    --font: var(--cyclr-connect-font, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif);
    --focus: color-mix(in srgb, var(--accent) 70%, var(--text));
  }
  :host([theme='auto']) {
    color-scheme: light dark;
  }
  :host([theme='light']) {
    color-scheme: light;
  }
  :host([theme='dark']) {
    color-scheme: dark;
  }
`;
