import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';

/**
 * Lets failures through as they are. Without it, Nest puts 'Internal server error' in place of what an `@EventPattern`
 * handler throws: dead letters hold no more than that, and `UnrecoverableError` and `RetryAfterError` are errors like any
 * other.
 *
 * @example
 * app.useGlobalFilters(new RethrowFilter());
 */
@Catch()
export class RethrowFilter implements RpcExceptionFilter {
  catch(exception: unknown): Observable<never> {
    return throwError(() => exception);
  }
}
