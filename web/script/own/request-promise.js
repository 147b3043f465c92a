// The same, whatever promise the package's users chose.
export {default} from './request-promise-native.js';
