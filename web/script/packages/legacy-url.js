export * from 'url/';
