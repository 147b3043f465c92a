export {default} from 'events/';
