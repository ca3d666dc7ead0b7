package aws

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kafka"
	kafkatypes "github.com/aws/aws-sdk-go-v2/service/kafka/types"
	"github.com/aws/aws-sdk-go-v2/service/mq"
	mqtypes "github.com/aws/aws-sdk-go-v2/service/mq/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// readQueues reads SQS: each queue is a resource of its own, and costs a question for its attributes.
func readQueues(ctx context.Context, r *reader) error {
	client := sqs.NewFromConfig(r.cfg)
	tags, err := r.labels(ctx, r.region, "sqs:queue")
	if err != nil {
		return err
	}
	details := &asker{r: r}
	pages := paged(client.ListQueues, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)}, func(in *sqs.ListQueuesInput, out *sqs.ListQueuesOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *sqs.ListQueuesOutput) error {
		return detailed(ctx, page.QueueUrls, []string{"/attributes/fifo", "/attributes/retention_seconds", "/attributes/encrypted", "/attributes/encryption_key_name", "/attributes/provisioned_at", "/attributes/modified_at", "/attributes/aws", "/relations"}, func(ctx context.Context, url string) (any, resource.Envelope, bool, error) {
			var values map[string]string
			known, err := details.ask(ctx, "attributes of queues", func(ctx context.Context) error {
				answer, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(url), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
				if err == nil {
					values = answer.Attributes
				}
				return err
			})
			if err != nil {
				return nil, resource.Envelope{}, false, err
			}
			env, attributes, own := r.queue(url, values)
			tags.on(&env, env.ExternalID)
			return with(attributes, own), env, known, nil
		}, r.emit)
	})
}

func (r *reader) queue(url string, v map[string]string) (resource.Envelope, schema.BackingService, serviceFields) {
	name := url[strings.LastIndexByte(url, '/')+1:]
	env := r.envelope(r.arn("sqs", name), name)
	env.ConsoleURL = r.console("sqs/v3/home?region={region}#/queues")
	a := schema.BackingService{
		Family: "broker", Type: "queue", Engine: "sqs", Endpoint: url, FIFO: aws.Bool(v["FifoQueue"] == "true"), Retention: integer(v["MessageRetentionPeriod"]),
		KeyName: v["KmsMasterKeyId"], ItemCount: integer(v["ApproximateNumberOfMessages"]), Provisioned: epoch(v["CreatedTimestamp"]), ModifiedAt: epoch(v["LastModifiedTimestamp"]),
	}
	a.Encrypted = aws.Bool(a.KeyName != "" || v["SqsManagedSseEnabled"] == "true")
	own := serviceFields{
		DelaySeconds: int(integer(v["DelaySeconds"])), VisibilitySeconds: int(integer(v["VisibilityTimeout"])), MaxMessageBytes: integer(v["MaximumMessageSize"]), Policy: v["Policy"],
	}
	var redrive struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if json.Unmarshal([]byte(v["RedrivePolicy"]), &redrive) == nil && redrive.Target != "" {
		own.DeadLetter = redrive.Target
		relate(&env, "uses", "backing_service", redrive.Target)
	}
	return env, a, own
}

func integer(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func epoch(s string) time.Time {
	if n := integer(s); n > 0 {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

func readTopics(ctx context.Context, r *reader) error {
	client := sns.NewFromConfig(r.cfg)
	tags, err := r.labels(ctx, r.region, "sns:topic")
	if err != nil {
		return err
	}
	details := &asker{r: r}
	pages := paged(client.ListTopics, &sns.ListTopicsInput{}, func(in *sns.ListTopicsInput, out *sns.ListTopicsOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *sns.ListTopicsOutput) error {
		return detailed(ctx, page.Topics, []string{"/attributes/fifo", "/attributes/encrypted", "/attributes/encryption_key_name", "/attributes/description", "/attributes/aws"}, func(ctx context.Context, t snstypes.Topic) (any, resource.Envelope, bool, error) {
			var values map[string]string
			known, err := details.ask(ctx, "attributes of topics", func(ctx context.Context) error {
				answer, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: t.TopicArn})
				if err == nil {
					values = answer.Attributes
				}
				return err
			})
			if err != nil {
				return nil, resource.Envelope{}, false, err
			}
			env, attributes, own := r.topic(aws.ToString(t.TopicArn), values)
			tags.on(&env, env.ExternalID)
			return with(attributes, own), env, known, nil
		}, r.emit)
	})
}

func (r *reader) topic(arn string, v map[string]string) (resource.Envelope, schema.BackingService, serviceFields) {
	name := arn[strings.LastIndexByte(arn, ':')+1:]
	env := r.envelope(arn, name)
	env.ConsoleURL = r.console("sns/v3/home?region={region}#/topic/" + arn)
	a := schema.BackingService{
		Family: "broker", Type: "topic", Engine: "sns", FIFO: aws.Bool(v["FifoTopic"] == "true"), KeyName: v["KmsMasterKeyId"],
		Encrypted: aws.Bool(v["KmsMasterKeyId"] != ""), Description: plain(v["DisplayName"]),
	}
	return env, a, serviceFields{Subscriptions: int(integer(v["SubscriptionsConfirmed"])), Policy: v["Policy"]}
}

func readKafka(ctx context.Context, r *reader) error {
	pages := paged(kafka.NewFromConfig(r.cfg).ListClustersV2, &kafka.ListClustersV2Input{MaxResults: aws.Int32(100)}, func(in *kafka.ListClustersV2Input, out *kafka.ListClustersV2Output) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *kafka.ListClustersV2Output) error {
		for _, c := range page.ClusterInfoList {
			if c.ClusterArn == nil {
				continue
			}
			env, attributes, own := r.kafka(c)
			if err := r.emit(ctx, env, with(attributes, own)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) kafka(c kafkatypes.Cluster) (resource.Envelope, schema.BackingService, serviceFields) {
	env := r.envelope(aws.ToString(c.ClusterArn), aws.ToString(c.ClusterName))
	tagMap(&env, c.Tags)
	env.ConsoleURL = r.console("msk/home?region={region}#/cluster/" + aws.ToString(c.ClusterArn))
	a := schema.BackingService{Family: "broker", Type: "cluster", Engine: "kafka", Status: string(c.State), Provisioned: when(c.CreationTime)}
	own := serviceFields{Deployment: string(c.ClusterType)}
	if p := c.Provisioned; p != nil {
		a.NodeCount, own.Monitoring, own.StorageMode = number(p.NumberOfBrokerNodes), string(p.EnhancedMonitoring), string(p.StorageMode)
		if s := p.CurrentBrokerSoftwareInfo; s != nil {
			a.Version = aws.ToString(s.KafkaVersion)
		}
		if n := p.BrokerNodeGroupInfo; n != nil {
			a.Flavor = aws.ToString(n.InstanceType)
			relateAll(&env, "connected_to", "subnet", n.ClientSubnets)
			relateAll(&env, "uses", "security_group", n.SecurityGroups)
			if n.StorageInfo != nil && n.StorageInfo.EbsStorageInfo != nil {
				a.SizeBytes = gib(n.StorageInfo.EbsStorageInfo.VolumeSize) * int64(max(a.NodeCount, 1))
			}
		}
		if e := p.EncryptionInfo; e != nil {
			a.Encrypted = aws.Bool(e.EncryptionAtRest != nil)
			if e.EncryptionAtRest != nil {
				a.KeyName = aws.ToString(e.EncryptionAtRest.DataVolumeKMSKeyId)
			}
			if e.EncryptionInTransit != nil {
				a.Transit = aws.Bool(e.EncryptionInTransit.ClientBroker == kafkatypes.ClientBrokerTls)
			}
		}
	}
	if s := c.Serverless; s != nil {
		for _, v := range s.VpcConfigs {
			relateAll(&env, "connected_to", "subnet", v.SubnetIds)
			relateAll(&env, "uses", "security_group", v.SecurityGroupIds)
		}
	}
	return env, a, own
}

// readMQ reads brokers of Amazon MQ; their listing leaves out where they are reached.
func readMQ(ctx context.Context, r *reader) error {
	client := mq.NewFromConfig(r.cfg)
	details := &asker{r: r}
	pages := paged(client.ListBrokers, &mq.ListBrokersInput{MaxResults: aws.Int32(100)}, func(in *mq.ListBrokersInput, out *mq.ListBrokersOutput) (**string, *string) {
		return &in.NextToken, out.NextToken
	})
	return each(ctx, r, pages, func(page *mq.ListBrokersOutput) error {
		return detailed(ctx, page.BrokerSummaries, []string{"/attributes/version", "/attributes/public", "/attributes/node_count", "/attributes/endpoint", "/attributes/endpoints", "/attributes/maintenance_window", "/attributes/encrypted", "/attributes/encryption_key_name", "/attributes/aws/storage_mode", "/relations", "/tags"}, func(ctx context.Context, b mqtypes.BrokerSummary) (any, resource.Envelope, bool, error) {
			answer := &mq.DescribeBrokerOutput{}
			known, err := details.ask(ctx, "details of brokers", func(ctx context.Context) error {
				got, err := client.DescribeBroker(ctx, &mq.DescribeBrokerInput{BrokerId: b.BrokerId})
				if err == nil {
					answer = got
				}
				return err
			})
			if err != nil {
				return nil, resource.Envelope{}, false, err
			}
			env, attributes, own := r.broker(b, answer)
			return with(attributes, own), env, known, nil
		}, r.emit)
	})
}

func (r *reader) broker(b mqtypes.BrokerSummary, d *mq.DescribeBrokerOutput) (resource.Envelope, schema.BackingService, serviceFields) {
	env := r.envelope(aws.ToString(b.BrokerArn), aws.ToString(b.BrokerName))
	tagMap(&env, d.Tags)
	env.ConsoleURL = r.console("amazon-mq/home?region={region}#/brokers/details?id=" + aws.ToString(b.BrokerId))
	a := schema.BackingService{
		Family: "broker", Type: "broker", Engine: strings.ToLower(string(b.EngineType)), Version: aws.ToString(d.EngineVersion), Status: string(b.BrokerState),
		Flavor: aws.ToString(b.HostInstanceType), Public: d.PubliclyAccessible, NodeCount: len(d.BrokerInstances), Provisioned: when(b.Created),
	}
	for _, i := range d.BrokerInstances {
		for _, e := range i.Endpoints {
			a.Endpoints = append(a.Endpoints, schema.ServiceEndpoint{URL: e})
		}
		if a.Endpoint == "" && len(i.Endpoints) > 0 {
			a.Endpoint = i.Endpoints[0]
		}
	}
	if w := d.MaintenanceWindowStartTime; w != nil {
		a.Maintenance = strings.Join(append([]string{strings.ToLower(string(w.DayOfWeek))}, texts(w.TimeOfDay, w.TimeZone)...), " ")
	}
	if e := d.EncryptionOptions; e != nil {
		a.Encrypted, a.KeyName = aws.Bool(true), aws.ToString(e.KmsKeyId)
	}
	relateAll(&env, "connected_to", "subnet", d.SubnetIds)
	relateAll(&env, "uses", "security_group", d.SecurityGroups)
	return env, a, serviceFields{Deployment: string(b.DeploymentMode), StorageMode: string(d.StorageType)}
}
