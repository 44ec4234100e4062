export {
  type AsyncApiDocument,
  asyncApiDocument,
  type AsyncApiOptions,
  type AsyncApiResult,
  type AsyncApiSource,
} from './asyncapi/async-api-document.js';
