package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// classify turns an error of Amazon's library into one whose class says how the scope ends. What is classified
// already and what the caller's context ended stays as it is.
func classify(err error) error {
	var known *provider.Error
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.As(err, &known) {
		return known
	}
	status, header := answered(err)
	var api smithy.APIError
	if errors.As(err, &api) {
		if e := classifyCode(err, api.ErrorCode(), header); e != nil {
			return e
		}
	}
	if e := classifyMissingKeys(err); e != nil {
		return e
	}
	if status >= 300 {
		return answer(status, header, shorten(err))
	}
	if unknownService(err) {
		return provider.Unsupported(fmt.Errorf("this service is not offered in the region, or DNS is broken: %w", shorten(err)))
	}
	var broken *smithy.DeserializationError
	if errors.As(err, &broken) {
		return provider.Unreachable(fmt.Errorf("the answer is not whole: %w", shorten(err)))
	}
	if e := httpclient.Classify(err); provider.StatusOf(e) != resource.StatusFailed || errors.As(e, &known) {
		return e
	}
	return provider.Permanent(shorten(err))
}

// answer is httpclient.Answer for what it leaves unclassified, too.
func answer(status int, header http.Header, err error) error {
	e := httpclient.Answer(status, header, nil, err)
	var known *provider.Error
	if errors.As(e, &known) {
		return e
	}
	return provider.Permanent(e)
}

// answered is the status and header of the answer that led to the error, if there was one.
func answered(err error) (int, http.Header) {
	var r *awshttp.ResponseError
	if errors.As(err, &r) && r.Response != nil && r.Response.Response != nil {
		return r.Response.StatusCode, r.Response.Header
	}
	return 0, http.Header{}
}

// The codes by which Amazon's services say one thing in many ways.
var (
	throttledCodes = codes("Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException RequestLimitExceeded TooManyRequestsException ProvisionedThroughputExceededException BandwidthLimitExceeded LimitExceededException SlowDown PriorRequestNotComplete EC2ThrottledException TransactionInProgressException RequestThrottledException")
	deniedCodes    = codes("AccessDenied AccessDeniedException UnauthorizedOperation UnauthorizedAccess AuthFailure AuthorizationError AuthorizationErrorException NotAuthorized NotAuthorizedException Forbidden ForbiddenException OptInRequired UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId ExpiredToken ExpiredTokenException MissingAuthenticationToken MissingAuthenticationTokenException IncompleteSignature SignatureDoesNotMatch InvalidSignatureException InvalidSignature RequestExpired RequestTimeTooSkewed InvalidToken SubscriptionRequiredException AccountProblem Blocked AWSOrganizationsNotInUseException")
	absentCodes    = codes("UnknownOperationException UnsupportedOperation UnsupportedOperationException InvalidAction OperationNotSupported NotImplemented OperationDisabledException")
	passingCodes   = codes("InternalError InternalFailure InternalServerError InternalServerErrorException InternalServiceError InternalServiceException ServerException ServiceUnavailable ServiceUnavailableException Unavailable RequestTimeout RequestTimeoutException ClusterUnavailable 503")
	clockCodes     = codes("RequestExpired RequestTimeTooSkewed SignatureDoesNotMatch InvalidSignatureException AuthFailure")
	keyCodes       = codes("UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId SignatureDoesNotMatch InvalidSignatureException IncompleteSignature MissingAuthenticationToken MissingAuthenticationTokenException InvalidToken AuthFailure")
)

func codes(list string) map[string]bool {
	out := map[string]bool{}
	for c := range strings.FieldsSeq(list) {
		out[c] = true
	}
	return out
}

func classifyCode(err error, code string, header http.Header) error {
	short := shorten(err)
	switch {
	case throttledCodes[code]:
		return provider.Throttled(short, httpclient.RetryAfter(header, time.Now()))
	case deniedCodes[code]:
		return provider.Denied(short, advice(err, code, header))
	case absentCodes[code]:
		return provider.Unsupported(short)
	case passingCodes[code]:
		return provider.Unreachable(short)
	}
	return nil
}

// advice says what to do about a refusal: set the clock, renew the key, mend the trust, grant the action.
func advice(err error, code string, header http.Header) string {
	service, operation := operationOf(err)
	skew := httpclient.Skew(header, time.Now())
	switch {
	case clockCodes[code] && skew.Abs() > httpclient.MaxSkew:
		return fmt.Sprintf("the clock of this machine differs by %s from Amazon's: set it, then try again", skew.Abs())
	case code == "ExpiredToken" || code == "ExpiredTokenException":
		return "the credential's session has ended: renew it, or use a role, which renews itself"
	case code == "OptInRequired" || code == "SubscriptionRequiredException":
		return "the account has not opted in to this service or region: exclude it by exclude_regions or skip_services"
	case code == "AWSOrganizationsNotInUseException":
		return "the account belongs to no organisation: switch organization.enabled off"
	case service == "STS" && operation == "AssumeRole":
		return "the role cannot be assumed: check that it exists in the account, that its trust names this credential, and the external id (maestro-plugin-aws role prints the role's text)"
	case keyCodes[code]:
		return "the access key is unknown or its secret is wrong, or the region is not enabled for the account: check the credential"
	case operation != "":
		return "allow " + actionName(service, operation)
	}
	return ""
}

// operationOf is the innermost operation that failed: a list may fail because the role behind it could not be
// assumed.
func operationOf(err error) (service, operation string) {
	for {
		var op *smithy.OperationError
		if !errors.As(err, &op) {
			return service, operation
		}
		service, operation, err = op.Service(), op.Operation(), op.Unwrap()
	}
}

// actionName is how policies spell an operation.
func actionName(service, operation string) string {
	prefix := map[string]string{
		"EC2": "ec2", "Elastic Load Balancing": "elasticloadbalancing", "Elastic Load Balancing v2": "elasticloadbalancing", "RDS": "rds",
		"DynamoDB": "dynamodb", "S3": "s3", "CloudFront": "cloudfront", "Auto Scaling": "autoscaling", "SQS": "sqs", "SNS": "sns", "Kafka": "kafka",
		"mq": "mq", "ElastiCache": "elasticache", "SESv2": "ses", "Lambda": "lambda", "API Gateway": "apigateway", "ApiGatewayV2": "apigateway",
		"Route 53": "route53", "ECS": "ecs", "EKS": "eks", "STS": "sts", "Organizations": "organizations", "Resource Groups Tagging API": "tag",
	}[service]
	if prefix == "" {
		prefix = strings.ToLower(strings.ReplaceAll(service, " ", ""))
	}
	action := map[string]string{
		"S3/ListBuckets": "s3:ListAllMyBuckets", "API Gateway/GetRestApis": "apigateway:GET", "ApiGatewayV2/GetApis": "apigateway:GET",
		"Kafka/ListClustersV2": "kafka:ListClustersV2",
	}[service+"/"+operation]
	if action == "" {
		action = prefix + ":" + operation
	}
	return action
}

// classifyMissingKeys recognises that the chain of credentials has come to its end without any.
func classifyMissingKeys(err error) error {
	text := err.Error()
	if strings.Contains(text, "failed to refresh cached credentials") || strings.Contains(text, "no EC2 IMDS role found") || strings.Contains(text, "failed to retrieve credentials") {
		if status, header := answered(err); status >= 300 {
			return answer(status, header, shorten(err))
		}
		if e := httpclient.Classify(err); !strings.Contains(text, "IMDS") && provider.StatusOf(e) == resource.StatusUnreachable {
			return e
		}
		return provider.Denied(errors.New("there is no credential for AWS"),
			"give the credential AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run the agent on a machine with a role")
	}
	return nil
}

// unknownService recognises a service that a region does not have: the name of its endpoint does not exist.
func unknownService(err error) bool {
	var name *net.DNSError
	if !errors.As(err, &name) || !name.IsNotFound {
		return false
	}
	service, _ := operationOf(err)
	return service != "STS" && service != "EC2" && service != "Organizations" &&
		(strings.HasSuffix(name.Name, ".amazonaws.com") || strings.HasSuffix(name.Name, ".amazonaws.com.cn") || strings.HasSuffix(name.Name, ".api.aws"))
}

// shorten leaves out what the library wraps around the provider's own words, and the request's id, which would make
// each run's error another one.
func shorten(err error) error {
	service, operation := operationOf(err)
	var api smithy.APIError
	if operation == "" || !errors.As(err, &api) {
		return err
	}
	return &said{text: fmt.Sprintf("%s %s: %s: %s", service, operation, api.ErrorCode(), api.ErrorMessage()), err: err}
}

// said is an error with a text of its own.
type said struct {
	text string
	err  error
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.err }

// errAbsent says that something was deleted between its listing and the question for its details.
var errAbsent = errors.New("it is gone meanwhile")

// absent recognises the answer to a question about what does not exist.
func absent(err error) bool {
	if status, _ := answered(err); status == http.StatusNotFound {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code := api.ErrorCode()
	return strings.Contains(code, "NotFound") || strings.Contains(code, "NonExistent") || strings.Contains(code, "DoesNotExist") || strings.HasPrefix(code, "NoSuch")
}
