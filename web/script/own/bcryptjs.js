// The same functions, in JavaScript or not.
export {default} from './bcrypt.js';
