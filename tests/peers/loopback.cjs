// Loaded before a peer: it listens on this machine alone, though it would on every network.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, Number(port), "127.0.0.1", ...rest.filter((each) => typeof each === "function"));
};
