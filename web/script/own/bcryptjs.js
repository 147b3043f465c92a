export {default} from './bcrypt.js';
