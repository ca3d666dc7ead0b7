package aws

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// roleText is what the text of a role is made of.
type roleText struct {
	form, name, external, principal, partition string
	kinds                                      []string
	organization                               bool
}

// PrintRole writes the text that makes the read-only role: the arguments of the command without its name.
func PrintRole(w io.Writer, args []string) error {
	const usage = "usage: maestro-plugin-aws role --principal ARN [--form stackset|terraform|trust|policy] [--tenant NAME | --external-id ID] [--name ROLE] [--kinds a,b] [--partition aws] [--organization]"
	if args[0] != "role" {
		return errors.New(usage)
	}
	var t roleText
	var tenant, kinds string
	f := flag.NewFlagSet("role", flag.ContinueOnError)
	f.SetOutput(w)
	f.StringVar(&t.form, "form", "stackset", "stackset (CloudFormation), terraform, trust (the trust policy alone) or policy (the permissions alone)")
	f.StringVar(&t.name, "name", defaultMemberRole, "the role's name, as in the setting member_role")
	f.StringVar(&t.external, "external-id", "", "the external id of the setting external_id; one is made when it is empty")
	f.StringVar(&tenant, "tenant", "default", "the tenant that a new external id is made for")
	f.StringVar(&t.principal, "principal", "", "the ARN of the user or role that may assume it: what the credential is")
	f.StringVar(&t.partition, "partition", "", "aws, aws-us-gov or aws-cn; that of the principal when it is empty")
	f.StringVar(&kinds, "kinds", "", "only what these kinds need, with commas between; empty is all")
	f.BoolVar(&t.organization, "organization", false, "allow listing the organisation, too: for the management account")
	if err := f.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if t.principal == "" && t.form != "policy" {
		return errors.New("--principal is missing: the ARN of the user or role that the credential is\n" + usage)
	}
	if kinds != "" {
		t.kinds = strings.Split(kinds, ",")
	}
	if t.partition == "" {
		t.partition = "aws"
		if parts := strings.Split(t.principal, ":"); len(parts) > 1 {
			t.partition = parts[1]
		}
	}
	if t.external == "" {
		t.external = newExternalID(tenant)
	}
	text, err := t.text()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// newExternalID makes an id that nobody else's role will have: the tenant's name for people, and 128 random bits.
func newExternalID(tenant string) string {
	name := mapRunes(tenant, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' })
	return "maestro-" + name + "-" + strings.ToLower(rand.Text())
}

func (t roleText) text() (string, error) {
	switch {
	case !roleName.MatchString(t.name):
		return "", fmt.Errorf("%q is no name of a role", t.name)
	case !isExternalID(t.external):
		return "", errors.New("an external id may have 2 to 1224 letters, digits and +=,.@:/_-")
	case t.principal != "" && (!strings.HasPrefix(t.principal, "arn:aws") || strings.ContainsAny(t.principal, "\"\\\n ")):
		return "", fmt.Errorf("%q is no ARN", t.principal)
	}
	actions, err := t.actions()
	if err != nil {
		return "", err
	}
	switch t.form {
	case "stackset":
		return t.stackSet(actions), nil
	case "terraform":
		return t.terraform(actions), nil
	case "trust":
		return t.trust() + "\n", nil
	case "policy":
		return policyDocument(t.partition, actions) + "\n", nil
	}
	return "", fmt.Errorf("%q is none of stackset, terraform, trust, policy", t.form)
}

func (t roleText) actions() ([]string, error) {
	all := lists()
	for _, k := range t.kinds {
		if !slices.ContainsFunc(all, func(l list) bool { return l.kind == k }) {
			return nil, fmt.Errorf("the plugin aws does not read %q", k)
		}
	}
	actions := actionsOf(slices.DeleteFunc(all, func(l list) bool { return len(t.kinds) > 0 && !slices.Contains(t.kinds, l.kind) })...)
	if t.organization {
		actions = append(actions, organizationActions()...)
	}
	return actions, nil
}

// trust says who may assume the role: the credential, and only with the external id, so that nobody who can make
// Maestro read some account can make it read this one.
func (t roleText) trust() string {
	text, err := json.MarshalIndent(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]string{"AWS": t.principal}, "Action": "sts:AssumeRole",
			"Condition": map[string]any{"StringEquals": map[string]string{"sts:ExternalId": t.external}},
		}},
	}, "", "  ")
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(text)
}

// stackSet is a CloudFormation template for a StackSet over the organisation; CloudFormation reads JSON inside YAML.
func (t roleText) stackSet(actions []string) string {
	indent := func(text string) string { return strings.ReplaceAll(text, "\n", "\n        ") }
	return `# The role by which Maestro reads an account. It can change nothing.
# In the management account: CloudFormation > StackSets > Create, service-managed permissions, automatic deployment on,
# one region. The management account itself is not covered by a StackSet: create a stack of the same text there.
# Settings of the connection: member_role: ` + t.name + `, external_id: ` + t.external + `
AWSTemplateFormatVersion: "2010-09-09"
Description: Read-only role for Maestro's inventory.
Resources:
  MaestroRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: ` + t.name + `
      MaxSessionDuration: 3600
      AssumeRolePolicyDocument:
        ` + indent(t.trust()) + `
      Policies:
        - PolicyName: maestro-inventory
          PolicyDocument:
            ` + strings.ReplaceAll(policyDocument(t.partition, actions), "\n", "\n            ") + `
Outputs:
  RoleArn:
    Value: !GetAtt MaestroRole.Arn
`
}

func (t roleText) terraform(actions []string) string {
	return `# The role by which Maestro reads an account. It can change nothing.
# Settings of the connection: member_role: ` + t.name + `, external_id: ` + t.external + `
resource "aws_iam_role" "maestro" {
  name                 = "` + t.name + `"
  max_session_duration = 3600
  assume_role_policy   = <<-JSON
` + t.trust() + `
  JSON
}

resource "aws_iam_role_policy" "maestro" {
  name   = "maestro-inventory"
  role   = aws_iam_role.maestro.id
  policy = <<-JSON
` + policyDocument(t.partition, actions) + `
  JSON
}

output "maestro_role_arn" {
  value = aws_iam_role.maestro.arn
}
`
}
