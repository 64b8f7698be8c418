// A NestJS application whose routes are guarded by our decorators, above and below Nest's own.
import 'reflect-metadata'
import {
  Body,
  type CallHandler,
  type CanActivate,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  Injectable,
  type INestApplication,
  Module,
  type NestInterceptor,
  Param,
  ParseIntPipe,
  Post,
  Query,
  Req,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common'
import { NestFactory, Reflector } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { ApiOperation, ApiResponse, DocumentBuilder, SwaggerModule } from '@nestjs/swagger'
import {
  bulkhead,
  pipeline,
  retry,
  timeout,
  withBulkhead,
  withCircuitBreaker,
  withFallback,
  withPolicy,
  withRateLimit,
  withRetry,
  withTimeout,
} from 'amorsize'
import { IsInt, Min } from 'class-validator'
import { map, type Observable } from 'rxjs'

@Injectable()
class DenyAll implements CanActivate {
  canActivate(): boolean {
    return false
  }
}

/** Reads what `@Roles` put on the method, as Nest's own guide does. */
@Injectable()
class RolesGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get<string[]>('roles', context.getHandler())?.includes('user') ?? false
  }
}

@Injectable()
class Wrapping implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => ({ wrapped: value })))
  }
}

const Roles = (...roles: string[]): MethodDecorator => SetMetadata('roles', roles)
const UserName = createParamDecorator(
  (_data: unknown, context: ExecutionContext) =>
    context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-user'],
)

class Order {
  @IsInt()
  @Min(1)
  count!: number
}

@Injectable()
class Catalogue {
  #failures = 0

  @withRetry({ maxRetries: 2, initialDelayMs: 1 })
  async price(id: number): Promise<number> {
    if (this.#failures++ % 2 === 0) throw new Error('flaky')
    return id * 2
  }
}

@Controller()
class Routes {
  constructor(private readonly catalogue: Catalogue) {}

  @Get('mixed')
  @withTimeout(1000)
  @UseGuards(DenyAll)
  async mixed(): Promise<string> {
    return 'let in'
  }

  @withRetry()
  @Get('retry-above')
  async retryAbove(): Promise<string> {
    return 'ok'
  }

  @Get('retry-below')
  @withRetry()
  async retryBelow(): Promise<string> {
    return 'ok'
  }

  @withTimeout(1000)
  @UseGuards(RolesGuard)
  @withBulkhead({ maxConcurrent: 4 })
  @Roles('user')
  @withRetry()
  @Get('roles')
  async roles(): Promise<string> {
    return 'ok'
  }

  @withTimeout(1000)
  @Get('no-roles')
  @UseGuards(RolesGuard)
  async noRoles(): Promise<string> {
    return 'let in'
  }

  @withRateLimit({ requestsPerSecond: 1000 })
  @UseInterceptors(Wrapping)
  @withCircuitBreaker()
  @Get('wrapped')
  async wrapped(): Promise<string> {
    return 'ok'
  }

  @withPolicy(pipeline(timeout(1000), retry(), bulkhead({ maxConcurrent: 2 })))
  @HttpCode(202)
  @Header('x-made-by', 'nest')
  @Get('status')
  async status(): Promise<string> {
    return 'ok'
  }

  @withRetry({ maxRetries: 1, initialDelayMs: 1 })
  @Get('items/:id')
  async item(
    @Param('id', ParseIntPipe) id: number,
    @Query('q') q: string,
    @UserName() user: string,
    @Req() request: { url: string },
  ): Promise<object> {
    return { id, q, user, url: request.url }
  }

  @Post('orders')
  @withTimeout(1000)
  @UsePipes(new ValidationPipe({ transform: true }))
  @withFallback(() => ({ count: -1, isOrder: false }))
  async order(@Body() order: Order): Promise<object> {
    return { count: order.count, isOrder: order instanceof Order }
  }

  @Get('price/:id')
  @withTimeout(1000)
  async price(@Param('id', ParseIntPipe) id: number): Promise<string> {
    return String(await this.catalogue.price(id))
  }

  @withTimeout(20)
  @Get('slow')
  async slow(): Promise<string> {
    return new Promise(() => {})
  }

  @withRetry()
  @ApiOperation({ summary: 'described below the policy' })
  @ApiResponse({ status: 200, description: 'a text' })
  @withTimeout(1000)
  @Get('described')
  async described(): Promise<string> {
    return 'ok'
  }
}

@Module({ controllers: [Routes], providers: [Catalogue] })
class App {}

/**
 * Starts the application on loopback.
 *
 * @param platform - whose server it runs on
 */
export async function start(platform: 'express' | 'fastify'): Promise<{ app: INestApplication; origin: string }> {
  const app =
    platform === 'fastify'
      ? await NestFactory.create(App, new FastifyAdapter(), { logger: false })
      : await NestFactory.create(App, { logger: false })
  await app.listen(0, '127.0.0.1')
  return { app, origin: await app.getUrl() }
}

/** What Swagger says of the application. */
export function describe(app: INestApplication): object {
  return SwaggerModule.createDocument(app, new DocumentBuilder().build())
}
