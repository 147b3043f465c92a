// The program that renders an operator's Liquid template. Input: {template, variables}; result: {text} or {error}.
import {Liquid} from 'liquidjs';

const LIMITS = {parseLimit: 200_000, renderLimit: 2_000, memoryLimit: 5_000_000};
const LARGEST_TEXT = 500_000;

export default function (host, input) {
    const liquid = new Liquid({...LIMITS, ownPropertyOnly: true});
    let text;
    try {
        text = liquid.parseAndRenderSync(input.template, input.variables);
    } catch (fault) {
        host.finish(JSON.stringify({error: String(fault.message)}));
        return;
    }
    host.finish(JSON.stringify(text.length > LARGEST_TEXT ? {error: 'the text is too long'} : {text}));
}
