// Browsers offer once, early, that the app may be installed; it is kept for when somebody wants it.

interface InstallEvent extends Event {
  prompt(): Promise<void>;
}

let offered: InstallEvent | null = null;
const listeners = new Set<() => void>();

addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  offered = event as InstallEvent;
  for (const listener of listeners) listener();
});

export const installer = {
  isInstalled: () => matchMedia('(display-mode: standalone)').matches || (navigator as { standalone?: boolean }).standalone === true,
  canAsk: () => offered !== null,
  ask() {
    void offered?.prompt();
    offered = null;
    for (const listener of listeners) listener();
  },
  onChange(listener: () => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};
