/** A React application that embeds the element in strict mode, which mounts each component twice. */
import { createElement, StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

const main = document.querySelector('main');

function App() {
  const [isShown, show] = useState(false);
  const [connected, setConnected] = useState([]);
  const [mounts, setMounts] = useState(0);
  useEffect(() => setMounts((count) => count + 1), []);
  const onconnected = ({ detail }) => setConnected((before) => [...before, detail.connectorId]);
  return [
    createElement('button', { key: 'show', onClick: () => show(!isShown) }, isShown ? 'Hide' : 'Show'),
    isShown && createElement('cyclr-connect', { key: 'element', session: main.dataset.session, onconnected }),
    createElement('output', { key: 'told' }, `${mounts} mounts, connected: ${connected.join(' ')}`),
  ];
}

createRoot(main).render(createElement(StrictMode, null, createElement(App)));
