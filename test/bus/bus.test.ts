import { aedesLab, memoryLab, mosquittoLab } from '../support/labs.js';
import { mosquittoAvailable } from '../support/mosquitto.js';
import { busContract } from './contract.js';

busContract('memory', memoryLab);
busContract('Aedes', aedesLab);
if (mosquittoAvailable()) busContract('Mosquitto', mosquittoLab);
