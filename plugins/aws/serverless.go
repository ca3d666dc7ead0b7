package aws

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	apitypes "github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	api2types "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	r53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

func readFunctions(ctx context.Context, r *reader) error {
	tags, err := r.labels(ctx, r.region, "lambda:function")
	if err != nil {
		return err
	}
	pages := paged(lambda.NewFromConfig(r.cfg).ListFunctions, &lambda.ListFunctionsInput{MaxItems: aws.Int32(50)}, func(in *lambda.ListFunctionsInput, out *lambda.ListFunctionsOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	return each(ctx, r, pages, func(page *lambda.ListFunctionsOutput) error {
		for _, f := range page.Functions {
			if f.FunctionArn == nil {
				continue
			}
			env, attributes, own := r.function(f)
			tags.on(&env, env.ExternalID)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) function(f types.FunctionConfiguration) (resource.Envelope, schema.BackingService, serviceFields) {
	name := aws.ToString(f.FunctionName)
	env := r.envelope(unqualified(aws.ToString(f.FunctionArn)), name)
	env.ConsoleURL = r.console("lambda/home?region={region}#/functions/" + name)
	a := schema.BackingService{
		Family: "serverless", Type: "function", Engine: "lambda", Version: strings.TrimPrefix(aws.ToString(f.Version), "$LATEST"), Status: string(f.State), Runtime: string(f.Runtime),
		Handler: aws.ToString(f.Handler), Timeout: number(f.Timeout), MemoryBytes: int64(number(f.MemorySize)) << 20, CodeBytes: f.CodeSize,
		CodeSHA256: aws.ToString(f.CodeSha256), KeyName: aws.ToString(f.KMSKeyArn), Description: plain(aws.ToString(f.Description)), ModifiedAt: moment(f.LastModified),
	}
	own := serviceFields{Role: aws.ToString(f.Role), PackageType: string(f.PackageType), Master: aws.ToString(f.MasterArn)}
	for _, arch := range f.Architectures {
		own.Architectures = append(own.Architectures, string(arch))
	}
	for _, l := range f.Layers {
		arn := aws.ToString(l.Arn)
		own.Layers = append(own.Layers, arn)
		if i := strings.LastIndexByte(arn, ':'); i > 0 {
			relate(&env, "uses", "backing_service", arn[:i])
		}
	}
	if f.Environment != nil {
		// Values hold passwords more often than not.
		own.VariableNames = slices.Sorted(maps.Keys(f.Environment.Variables))
	}
	if f.TracingConfig != nil {
		own.Tracing = string(f.TracingConfig.Mode)
	}
	if f.EphemeralStorage != nil {
		own.EphemeralBytes = int64(number(f.EphemeralStorage.Size)) << 20
	}
	if d := f.DeadLetterConfig; d != nil {
		own.DeadLetter = aws.ToString(d.TargetArn)
		relate(&env, "uses", "backing_service", own.DeadLetter)
	}
	if v := f.VpcConfig; v != nil {
		relate(&env, "connected_to", "network", aws.ToString(v.VpcId))
		relateAll(&env, "connected_to", "subnet", v.SubnetIds)
		relateAll(&env, "uses", "security_group", v.SecurityGroupIds)
	}
	return env, a, own
}

// readLayers reads layers in their latest version.
func readLayers(ctx context.Context, r *reader) error {
	pages := paged(lambda.NewFromConfig(r.cfg).ListLayers, &lambda.ListLayersInput{MaxItems: aws.Int32(50)}, func(in *lambda.ListLayersInput, out *lambda.ListLayersOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	return each(ctx, r, pages, func(page *lambda.ListLayersOutput) error {
		for _, l := range page.Layers {
			if l.LayerArn == nil {
				continue
			}
			env := r.envelope(*l.LayerArn, aws.ToString(l.LayerName))
			env.ConsoleURL = r.console("lambda/home?region={region}#/layers/" + aws.ToString(l.LayerName))
			a, own := schema.BackingService{Family: "serverless", Type: "layer", Engine: "lambda"}, serviceFields{}
			if v := l.LatestMatchingVersion; v != nil {
				_, a.Version, _ = strings.Cut(strings.TrimPrefix(aws.ToString(v.LayerVersionArn), *l.LayerArn), ":")
				a.Description, a.ModifiedAt, own.License = plain(aws.ToString(v.Description)), moment(v.CreatedDate), aws.ToString(v.LicenseInfo)
				for _, runtime := range v.CompatibleRuntimes {
					own.Runtimes = append(own.Runtimes, string(runtime))
				}
				for _, arch := range v.CompatibleArchitectures {
					own.Architectures = append(own.Architectures, string(arch))
				}
			}
			if err := r.emit(ctx, env, with(a, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func readRestAPIs(ctx context.Context, r *reader) error {
	pages := paged(apigateway.NewFromConfig(r.cfg).GetRestApis, &apigateway.GetRestApisInput{Limit: aws.Int32(500)}, func(in *apigateway.GetRestApisInput, out *apigateway.GetRestApisOutput) (**string, *string) {
		return &in.Position, out.Position
	})
	return each(ctx, r, pages, func(page *apigateway.GetRestApisOutput) error {
		for _, api := range page.Items {
			if api.Id == nil {
				continue
			}
			env, attributes, own := r.restAPI(api)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) apiARN(path string) string {
	return "arn:" + r.session.settings.partition + ":apigateway:" + r.region + "::" + path
}

func (r *reader) restAPI(api apitypes.RestApi) (resource.Envelope, schema.BackingService, serviceFields) {
	id := aws.ToString(api.Id)
	env := r.envelope(r.apiARN("/restapis/"+id), aws.ToString(api.Name))
	tagMap(&env, api.Tags)
	env.ConsoleURL = r.console("apigateway/main/apis/" + id + "/resources?region={region}")
	host := id + ".execute-api." + r.region + "." + domain(r.session.settings.partition)
	identify(&env, "fqdn", host)
	a := schema.BackingService{
		Family: "api_gateway", Type: "rest", Engine: "apigateway", Version: aws.ToString(api.Version), Status: string(api.ApiStatus), Protocol: "REST",
		Endpoint: "https://" + host, Description: plain(aws.ToString(api.Description)), Provisioned: when(api.CreatedDate), MinimumTLS: string(api.SecurityPolicy), Public: aws.Bool(true),
	}
	own := serviceFields{
		KeySource: string(api.ApiKeySource), MediaTypes: api.BinaryMediaTypes, CompressFrom: int64(number(api.MinimumCompressionSize)), Policy: plain(aws.ToString(api.Policy)),
		Warnings: api.Warnings, DefaultDisabled: aws.Bool(api.DisableExecuteApiEndpoint),
	}
	if e := api.EndpointConfiguration; e != nil {
		for _, t := range e.Types {
			own.EndpointTypes = append(own.EndpointTypes, string(t))
			if t == apitypes.EndpointTypePrivate {
				a.Public = aws.Bool(false)
			}
		}
		relateAll(&env, "uses", "network_endpoint", e.VpcEndpointIds)
	}
	return env, a, own
}

func domain(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// readHTTPAPIs reads HTTP and WebSocket APIs. The library has no paginator for them.
func readHTTPAPIs(ctx context.Context, r *reader) error {
	client := apigatewayv2.NewFromConfig(r.cfg)
	in := &apigatewayv2.GetApisInput{MaxResults: aws.String("100")}
	for {
		var page *apigatewayv2.GetApisOutput
		err := r.call(ctx, func(ctx context.Context) (err error) {
			page, err = client.GetApis(ctx, in)
			return err
		})
		if err != nil {
			return err
		}
		r.out.Page()
		for _, api := range page.Items {
			if api.ApiId == nil {
				continue
			}
			env, attributes, own := r.httpAPI(api)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		if aws.ToString(page.NextToken) == "" {
			return nil
		}
		in.NextToken = page.NextToken
	}
}

func (r *reader) httpAPI(api api2types.Api) (resource.Envelope, schema.BackingService, serviceFields) {
	id := aws.ToString(api.ApiId)
	env := r.envelope(r.apiARN("/apis/"+id), aws.ToString(api.Name))
	tagMap(&env, api.Tags)
	env.ConsoleURL = r.console("apigateway/main/api-detail?api=" + id + "&region={region}")
	endpoint := aws.ToString(api.ApiEndpoint)
	identify(&env, "fqdn", hostOf(endpoint))
	a := schema.BackingService{
		Family: "api_gateway", Type: strings.ToLower(string(api.ProtocolType)), Engine: "apigateway", Version: aws.ToString(api.Version), Endpoint: endpoint,
		Protocol: string(api.ProtocolType), Description: plain(aws.ToString(api.Description)), Provisioned: when(api.CreatedDate), Public: aws.Bool(true),
	}
	return env, a, serviceFields{
		RouteSelection: aws.ToString(api.RouteSelectionExpression), KeySelection: aws.ToString(api.ApiKeySelectionExpression), NoValidation: api.DisableSchemaValidation,
		Warnings: api.Warnings, DefaultDisabled: api.DisableExecuteApiEndpoint,
	}
}

// readZones reads Route 53. Which networks see a private zone is to be asked for each.
func readZones(ctx context.Context, r *reader) error {
	client := route53.NewFromConfig(r.cfg)
	tags, err := r.labels(ctx, r.globalHome(), "route53:hostedzone")
	if err != nil {
		return err
	}
	details := &asker{r: r}
	pages := paged(client.ListHostedZones, &route53.ListHostedZonesInput{MaxItems: aws.Int32(100)}, func(in *route53.ListHostedZonesInput, out *route53.ListHostedZonesOutput) (**string, *string) {
		return &in.Marker, out.NextMarker
	})
	return each(ctx, r, pages, func(page *route53.ListHostedZonesOutput) error {
		return detailed(ctx, page.HostedZones, []string{"/relations"}, func(ctx context.Context, z r53types.HostedZone) (any, resource.Envelope, bool, error) {
			env, attributes, own := r.zone(z)
			tags.on(&env, env.ExternalID)
			if !aws.ToBool(own.PrivateZone) {
				return with(attributes, own), env, true, nil
			}
			known, err := details.ask(ctx, "networks of private zones", func(ctx context.Context) error {
				answer, err := client.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: z.Id})
				if err == nil {
					for _, v := range answer.VPCs {
						relate(&env, "connected_to", "network", aws.ToString(v.VPCId))
					}
				}
				return err
			})
			return with(attributes, own), env, known, err
		}, r.emit)
	})
}

func (r *reader) zone(z r53types.HostedZone) (resource.Envelope, schema.BackingService, serviceFields) {
	id := aws.ToString(z.Id)
	id = id[strings.LastIndexByte(id, '/')+1:]
	name := strings.TrimSuffix(aws.ToString(z.Name), ".")
	env := r.envelope("arn:"+r.session.settings.partition+":route53:::hostedzone/"+id, name)
	env.ConsoleURL = r.console("route53/v2/hostedzones#ListRecordSets/" + id)
	a := schema.BackingService{Family: "dns", Type: "hosted_zone", Engine: "route53", Domains: texts(aws.String(name)), RecordCount: aws.ToInt64(z.ResourceRecordSetCount)}
	own := serviceFields{PrivateZone: aws.Bool(false)}
	if c := z.Config; c != nil {
		own.PrivateZone, a.Description = aws.Bool(c.PrivateZone), plain(aws.ToString(c.Comment))
	}
	a.Public = aws.Bool(!*own.PrivateZone)
	if s := z.LinkedService; s != nil {
		own.ManagedBy = aws.ToString(s.ServicePrincipal)
	}
	return env, a, own
}
