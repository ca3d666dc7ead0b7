package aws

// lists are everything that is read. One row is one list.
func lists() []list {
	return sorted([]list{
		{kind: "server", name: "ec2", limit: "ec2", actions: []string{"ec2:DescribeInstances", "ec2:DescribeInstanceTypes"}, read: readServers},
	})
}

// extensions are the fields that the plugin adds to built-in kinds under its own name.
func extensions() map[string]any {
	return map[string]any{"server": serverFields{}}
}
