/** The page that a browser comes back to, in the tab that it left: leads back to the entry of the history that it was. */
const button = document.querySelector<HTMLButtonElement>('#back');
const steps = Number(button?.dataset.depth) - history.length;
if (button && steps < 0) {
  button.hidden = false;
  button.addEventListener('click', () => history.go(steps));
}
export {};
