import type { ExternalContextCreator } from '@nestjs/core';
import type { EnhancerKind } from '../events-options.js';
import type { EventHandler } from './handler.js';
import { isScoped, scopedCall, singletonCall, type EventContexts } from './host-call.js';
import type { InstanceWrapper } from './nest-types.js';

/** What Nest offers to run guards, interceptors, pipes and filters around any method. */
export interface EnhancerTools {
  readonly creator: ExternalContextCreator;
}

export function enhancedCall(
  wrapper: InstanceWrapper,
  method: string | symbol,
  contexts: EventContexts,
  _kinds: readonly EnhancerKind[],
  _tools: EnhancerTools,
): EventHandler {
  return isScoped(wrapper) ? scopedCall(wrapper, method, contexts) : singletonCall(wrapper, method);
}
