export { connect } from "../floor.mjs";
