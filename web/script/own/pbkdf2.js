// The package `pbkdf2`, which is Node's own function.

export default function (world) {
    const {pbkdf2, pbkdf2Sync} = world.require('crypto');
    return {pbkdf2, pbkdf2Sync};
}
